/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ci/tests/yaml.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

#include "tracer/base/cleanup.h"

static json_t *node_json(yaml_document_t *doc, int id)
{
	yaml_node_t *node = yaml_document_get_node(doc, id);
	json_t *value = NULL;

	switch (node->type) {
	case YAML_SCALAR_NODE:
		return json_stringn((const char *)node->data.scalar.value, node->data.scalar.length);
	case YAML_SEQUENCE_NODE:
		value = json_array();
		for (yaml_node_item_t *i = node->data.sequence.items.start; i < node->data.sequence.items.top; i++)
			json_array_append_new(value, node_json(doc, *i));
		return value;
	case YAML_MAPPING_NODE:
		value = json_object();
		for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top; p++) {
			yaml_node_t *key = yaml_document_get_node(doc, p->key);

			if (key->type == YAML_SCALAR_NODE)
				json_object_set_new(value, (const char *)key->data.scalar.value,
						    node_json(doc, p->value));
		}
		return value;
	default:
		return json_null();
	}
}

json_t *yaml_load(const char *path)
{
	_cleanup_fclose_ FILE *f = fopen(path, "re");
	json_t *value = NULL;
	yaml_document_t doc;
	yaml_parser_t parser;

	if (!f || !yaml_parser_initialize(&parser)) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		return NULL;
	}
	yaml_parser_set_input_file(&parser, f);
	if (!yaml_parser_load(&parser, &doc)) {
		fprintf(stderr, "%s:%zu: %s\n", path, parser.problem_mark.line + 1,
			parser.problem ? parser.problem : "not YAML");
	} else {
		if (yaml_document_get_root_node(&doc))
			value = node_json(&doc, 1);
		yaml_document_delete(&doc);
	}
	yaml_parser_delete(&parser);
	return value;
}
