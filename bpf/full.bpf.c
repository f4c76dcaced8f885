/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tier full: switches away from and back to tasks that are inside an
 * operation, and interrupts on top of them. Every other task costs two
 * look-ups per switch.
 */

struct irq_state {
	u64 start_ns;
	u32 depth;
	u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, u32);
	__type(value, struct irq_state);
} irqs SEC(".maps");

#define RESCHED_FRAMES 16
#define RESCHED_LOOKS 64 /* at the first so many, then at one of so many */

/*
 * Was it a cond_resched? On kernels that do not preempt themselves every
 * preempted switch is one; which kind this kernel is need not be readable, so
 * look at the stack where the function's address is known. A stack costs as much
 * as the rest of the operation, and under an I/O scheduler, whose worker wakes up
 * on top of the submitter, each operation may be preempted.
 */
static __noinline int resched_sample(void *ctx)
{
	u64 stack[RESCHED_FRAMES] = {}, out = ~0ull;
	u32 shard = this_shard();
	struct iop_counts *c = bpf_map_lookup_elem(&counts, &shard);

	if (!c || (++c->n[COUNT_RESCHED_TURN] > RESCHED_LOOKS && c->n[COUNT_RESCHED_TURN] % RESCHED_LOOKS))
		return 0;

	bpf_get_stack(ctx, stack, sizeof(stack), 0);
	/* the highest bit stays when no frame is inside: no branch that the verifier would follow twice */
	for (int i = 0; i < RESCHED_FRAMES; i++)
		out &= (stack[i] - cfg.fn_resched_from) | (cfg.fn_resched_to - 1 - stack[i]);
	count(out >> 63 ? COUNT_RESCHED_STACK_OUT : COUNT_RESCHED_STACK_IN);
	return 0;
}

static __always_inline int on_switch(void *ctx, bool preempt, struct task_struct *prev,
				     struct task_struct *next, u32 prev_state)
{
	struct op *from = LOAD(prev, pid) ? op_of_task(prev) : NULL;
	struct op *to = LOAD(next, pid) ? op_of_task(next) : NULL;

	if (from) {
		op_switched_out(from, preempt && !prev_state);
		if (TIER(TIER_FULL) && from->preempted && cfg.fn_resched_from)
			resched_sample(ctx);
	}
	if (to && to->off_ns)
		op_switched_in(to);
	return 0;
}

static __always_inline struct irq_state *irq_here(void)
{
	u32 zero = 0;

	return bpf_map_lookup_elem(&irqs, &zero);
}

/* The operation of the task that runs, or is interrupted. */
static __always_inline struct op *task_op(void)
{
	struct task_struct *task = current_task();

	return LOAD(task, pid) ? op_of_task(task) : NULL;
}

static __always_inline int on_irq_entry(void)
{
	struct irq_state *s = irq_here();

	/* a hard interrupt on top of a soft one is part of it */
	if (!s || s->depth++)
		return 0;
	/* most interrupt a task that is in no operation: no clock for those */
	s->start_ns = task_op() ? bpf_ktime_get_ns() : 0;
	return 0;
}

static __always_inline int on_irq_exit(void)
{
	struct irq_state *s = irq_here();
	struct op *o;

	/* depth 0: begun before tracing did */
	if (!s || !s->depth || --s->depth || !s->start_ns)
		return 0;
	o = task_op();
	if (o)
		add_u64(&o->irq_ns, bpf_ktime_get_ns() - s->start_ns);
	return 0;
}

HOOK_PLAIN("?tp_btf/sched_switch", task_switch,
	   (bool preempt, struct task_struct *prev, struct task_struct *next, unsigned int prev_state), plain_vfs,
	   plain_switch(preempt && !prev_state, prev, next), on_switch(ctx, preempt, prev, next, prev_state))
/* until 5.17 */
HOOK("?tp_btf/sched_switch", task_switch_3,
     (bool preempt, struct task_struct *prev, struct task_struct *next),
     on_switch(ctx, preempt, prev, next, (u32)((struct task_struct___state *)prev)->state))

/* --cond-resched=probe: the calls, most of which do not switch */
static __always_inline int on_resched_call(void)
{
	struct op *o = task_op();

	if (o)
		o->resched_calls++;
	return 0;
}

SEC("?fentry/__cond_resched") int resched_call(void *ctx)
{
	return STAND_ASIDE() || !ACTIVE() ? 0 : on_resched_call();
}
SEC("?fentry/_cond_resched") int resched_call_5(void *ctx)
{
	return STAND_ASIDE() || !ACTIVE() ? 0 : on_resched_call();
}

HOOK("?tp_btf/irq_handler_entry", irq_entry, (int irq), on_irq_entry())
HOOK("?tp_btf/irq_handler_exit", irq_exit, (int irq), on_irq_exit())
HOOK("?tp_btf/softirq_entry", softirq_entry, (unsigned int vec), on_irq_entry())
HOOK("?tp_btf/softirq_exit", softirq_exit, (unsigned int vec), on_irq_exit())
