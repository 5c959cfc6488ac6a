/* SPDX-License-Identifier: MIT */
/* vCPUs: their life, their owner, and their registers. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "internal.h"

/* Whether the calling thread may own one vCPU more. */
static int check_per_thread(struct hy_host *host, const struct hy_vcpu *vcpu)
{
	uint64_t self = hy__thread_self();
	unsigned owned = 0;

	if (host->max_per_thread == 0)
		return 0;
	hy__mutex_lock(&host->vcpus_lock);
	for (const struct hy_vcpu *other = host->vcpus; other; other = other->host_next)
		owned += other != vcpu && atomic_load(&other->owner) / 2 == self;
	hy__mutex_unlock(&host->vcpus_lock);
	if (owned < host->max_per_thread)
		return 0;
	return hy__fail(HY_E_LIMIT, "use another thread, or HY_VCPU_MANAGED",
	                "vCPU %u: backend %s lets a thread own at most %u vCPUs", vcpu->be.id, host->ops->name,
	                host->max_per_thread);
}

/* --- Ownership -------------------------------------------------------------------- */

static int refuse_entry(const struct hy_vcpu *vcpu, uint64_t owner)
{
	if (owner == 0)
		return hy__fail(HY_E_GONE, NULL, "the vCPU was destroyed");
	if (vcpu->is_managed)
		return hy__fail(HY_E_BUSY, "kick it to end a run", "vCPU %u is in use by another call", vcpu->be.id);
	if (owner / 2 == hy__thread_self())
		return hy__fail(HY_E_BUSY, "libhy must not be called from its own callbacks",
		                "vCPU %u is inside another call of this thread", vcpu->be.id);
	return hy__fail(HY_E_THREAD, "call hy_vcpu_bind in the thread that is to use it",
	                "vCPU %u belongs to another thread", vcpu->be.id);
}

/* What `owner` is when the calling thread may use the vCPU. */
static uint64_t owner_word(const struct hy_vcpu *vcpu)
{
	return vcpu->is_managed ? HY__ANY_OWNER : hy__thread_self() * 2;
}

int hy__vcpu_enter(struct hy_vcpu *vcpu)
{
	uint64_t owner;

	if (!vcpu)
		return hy__fail(HY_E_INVALID, NULL, "the vCPU is NULL");
	if (vcpu->generation != hy__fork_generation())
		return hy__check_fork(vcpu->generation);
	owner = owner_word(vcpu);
	if (!atomic_compare_exchange_strong_explicit(&vcpu->owner, &owner, owner | 1, memory_order_acquire,
	                                             memory_order_relaxed))
		return refuse_entry(vcpu, owner);
	return 0;
}

void hy__vcpu_leave(struct hy_vcpu *vcpu)
{
	atomic_store_explicit(&vcpu->owner, owner_word(vcpu), memory_order_release);
}

/* Takes the vCPU from whoever owns it, unless he is in a call with it. */
static int take(struct hy_vcpu *vcpu, uint64_t self, uint64_t *before)
{
	uint64_t owner = atomic_load(&vcpu->owner);

	do {
		if (owner == 0)
			return refuse_entry(vcpu, owner);
		if (owner & 1)
			return hy__fail(HY_E_BUSY, "kick it first", "vCPU %u is in use by its owner", vcpu->be.id);
	} while (!atomic_compare_exchange_weak(&vcpu->owner, &owner, self | 1));
	*before = owner;
	return 0;
}

static int bind(struct hy_vcpu *vcpu)
{
	uint64_t self = hy__thread_self() * 2, before = 0;
	int status = take(vcpu, self, &before);

	if (status != 0)
		return status;
	if (before != self)
		status = check_per_thread(vcpu->vm->host, vcpu);
	if (status == 0) {
		status = vcpu->ops->vcpu_bind(&vcpu->be);
		if (status != 0)
			status = hy__backend_failed(vcpu->ops, status);
	}
	atomic_store(&vcpu->owner, status == 0 ? self : before);
	return status;
}

int hy_vcpu_bind(struct hy_vcpu *vcpu)
{
	int status;

	if (!vcpu)
		return hy__fail(HY_E_INVALID, NULL, "the vCPU is NULL");
	status = hy__check_fork(vcpu->generation);
	if (status != 0)
		return status;
	if (atomic_load(&vcpu->owner) == 0)
		return refuse_entry(vcpu, 0);
	if (vcpu->is_managed)
		return hy__fail(HY_E_UNSUPPORTED, "any thread may use it as it is",
		                "vCPU %u is managed: it stays with its own thread", vcpu->be.id);
	if (vcpu->vm->host->strict)
		return hy__fail(HY_E_UNSUPPORTED, "unset HY_STRICT", "HY_STRICT=1: vCPU %u can't move to another thread",
		                vcpu->be.id);
	return bind(vcpu);
}

/* --- Life ------------------------------------------------------------------------------ */

struct hy_vcpu *hy_vcpu_ref(struct hy_vcpu *vcpu)
{
	if (vcpu)
		atomic_fetch_add_explicit(&vcpu->references, 1, memory_order_relaxed);
	return vcpu;
}

void hy_vcpu_unref(struct hy_vcpu *vcpu)
{
	if (vcpu && atomic_fetch_sub_explicit(&vcpu->references, 1, memory_order_acq_rel) == 1)
		free(vcpu);
}

static int read_options(struct hy_vm *vm, const struct hy_vcpu_options *theirs, struct hy_vcpu_options *ours)
{
	int status = hy__copy_options(ours, sizeof(*ours), theirs, "hy_vcpu_options");

	if (status != 0)
		return status;
	if (ours->flags & ~HY_VCPU_MANAGED)
		return hy__fail(HY_E_INVALID, NULL, "hy_vcpu_options.flags %#x: no such flag", ours->flags);
	if (ours->id >= vm->options.vcpus)
		return hy__fail(HY_E_INVALID, "raise hy_vm_options.vcpus", "vCPU id %u: the VM was made for %u vCPUs",
		                ours->id, vm->options.vcpus);
	return 0;
}

static struct hy_vcpu *vcpu_alloc(struct hy_vm *vm, const struct hy_vcpu_options *options)
{
	struct hy_vcpu *vcpu = calloc(1, sizeof(*vcpu));

	if (!vcpu)
		return NULL;
	vcpu->be.priv = calloc(1, vm->ops->vcpu_size ? (size_t)vm->ops->vcpu_size : 1);
	if (!vcpu->be.priv) {
		free(vcpu);
		return NULL;
	}
	vcpu->ops = vm->ops;
	vcpu->vm = vm;
	vcpu->generation = vm->host->generation;
	vcpu->be.vm = &vm->be;
	vcpu->be.exit = &vcpu->exit;
	vcpu->be.id = options->id;
	vcpu->is_managed = options->flags & HY_VCPU_MANAGED;
	atomic_init(&vcpu->owner, owner_word(vcpu) | 1);
	atomic_init(&vcpu->references, 1);
	atomic_init(&vcpu->alive, true);
	return vcpu;
}

/* Enters the vCPU in its VM, unless the id is taken. */
static int take_id(struct hy_vm *vm, struct hy_vcpu *vcpu)
{
	bool taken;

	hy__mutex_lock(&vm->vcpus_lock);
	taken = vm->vcpu_used[vcpu->be.id];
	if (!taken) {
		vm->vcpu_used[vcpu->be.id] = true;
		vm->vcpu_count++;
	}
	hy__mutex_unlock(&vm->vcpus_lock);
	return taken ? hy__fail(HY_E_EXISTS, NULL, "vCPU id %u is taken", vcpu->be.id) : 0;
}

/* From here on pauses reach it. */
static void enlist(struct hy_vm *vm, struct hy_vcpu *vcpu)
{
	struct hy_host *host = vm->host;

	hy__mutex_lock(&host->vcpus_lock);
	vcpu->host_next = host->vcpus;
	host->vcpus = vcpu;
	hy__mutex_unlock(&host->vcpus_lock);
	hy__mutex_lock(&vm->vcpus_lock);
	vm->vcpu[vcpu->be.id] = vcpu;
	if (vm->paused)
		__atomic_fetch_or(&vcpu->be.requests, HY_REQUEST_PAUSE, __ATOMIC_SEQ_CST);
	hy__mutex_unlock(&vm->vcpus_lock);
}

static void delist(struct hy_vm *vm, struct hy_vcpu *vcpu)
{
	struct hy_host *host = vm->host;
	struct hy_vcpu **link = &host->vcpus;

	hy__mutex_lock(&host->vcpus_lock);
	while (*link != vcpu)
		link = &(*link)->host_next;
	*link = vcpu->host_next;
	hy__mutex_unlock(&host->vcpus_lock);
	hy__mutex_lock(&vm->vcpus_lock);
	vm->vcpu[vcpu->be.id] = NULL;
	hy__mutex_unlock(&vm->vcpus_lock);
}

static void give_id(struct hy_vm *vm, uint32_t id)
{
	hy__mutex_lock(&vm->vcpus_lock);
	vm->vcpu_used[id] = false;
	vm->vcpu_count--;
	hy__mutex_unlock(&vm->vcpus_lock);
}

static int reset_job(struct hy_vcpu *vcpu, void *unused)
{
	int status = vcpu->ops->vcpu_reset(&vcpu->be);

	(void)unused;
	memset(&vcpu->exit, 0, sizeof(vcpu->exit));
	if (status != 0)
		return hy__backend_failed(vcpu->ops, status);
	return vcpu->vm->arch->reset(vcpu);
}

/* Makes the backend's half of a vCPU, ready to run. */
static int create_job(struct hy_vcpu *vcpu, void *unused)
{
	int status = vcpu->ops->vcpu_create(&vcpu->be);

	if (status != 0)
		return hy__backend_failed(vcpu->ops, status);
	status = reset_job(vcpu, unused);
	if (status != 0)
		vcpu->ops->vcpu_destroy(&vcpu->be);
	return status;
}

static int destroy_job(struct hy_vcpu *vcpu, void *unused)
{
	(void)unused;
	vcpu->ops->vcpu_destroy(&vcpu->be);
	return 0;
}

static int vcpu_start(struct hy_vcpu *vcpu)
{
	int status;

	if (!vcpu->is_managed) {
		status = check_per_thread(vcpu->vm->host, vcpu);
		return status != 0 ? status : create_job(vcpu, NULL);
	}
	status = hy__managed_start(vcpu);
	if (status != 0)
		return status;
	status = hy__vcpu_do(vcpu, create_job, NULL);
	if (status != 0)
		hy__managed_end(vcpu);
	return status;
}

int hy_vcpu_create(struct hy_vm *vm, const struct hy_vcpu_options *theirs, struct hy_vcpu **out)
{
	struct hy_vcpu_options options = HY_VCPU_OPTIONS_INIT;
	struct hy_vcpu *vcpu;
	int status;

	if (!out)
		return hy__fail(HY_E_INVALID, NULL, "hy_vcpu_create: vcpu is NULL");
	*out = NULL;
	if (!vm)
		return hy__fail(HY_E_INVALID, NULL, "hy_vcpu_create: the VM is NULL");
	status = hy__check_fork(vm->host->generation);
	if (status == 0)
		status = read_options(vm, theirs, &options);
	if (status != 0)
		return status;
	vcpu = vcpu_alloc(vm, &options);
	if (!vcpu)
		return hy__fail_nomem("vCPU");
	status = take_id(vm, vcpu);
	if (status != 0)
		goto err_free;
	status = vcpu_start(vcpu);
	if (status != 0)
		goto err_give_id;
	enlist(vm, vcpu);
	hy__vcpu_leave(vcpu);
	*out = vcpu;
	return 0;

err_give_id:
	give_id(vm, options.id);
err_free:
	free(vcpu->be.priv);
	free(vcpu);
	return status;
}

/* In a child of fork() other threads' locks and kicks are as they were: don't wait. */
static int destroy_in_child(struct hy_vcpu *vcpu)
{
	if (atomic_load(&vcpu->owner) == 0)
		return hy__fail(HY_E_GONE, NULL, "the vCPU was destroyed");
	atomic_store(&vcpu->alive, false);
	vcpu->ops->vcpu_destroy(&vcpu->be);
	free(vcpu->be.priv);
	free(vcpu->managed);
	vcpu->vm->vcpu_count--;
	atomic_store(&vcpu->owner, 0);
	hy_vcpu_unref(vcpu);
	return 0;
}

int hy_vcpu_destroy(struct hy_vcpu *vcpu)
{
	struct hy_vm *vm;
	int status;

	if (!vcpu)
		return 0;
	if (vcpu->generation != hy__fork_generation())
		return destroy_in_child(vcpu);
	status = hy__vcpu_enter(vcpu);
	if (status != 0)
		return status;
	vm = vcpu->vm;
	delist(vm, vcpu);
	atomic_store(&vcpu->alive, false);
	/* A kicker looks at `alive` after it is counted: none comes later. */
	while (atomic_load(&vcpu->kickers) != 0)
		hy__thread_yield();
	hy__vcpu_do(vcpu, destroy_job, NULL);
	if (vcpu->managed)
		hy__managed_end(vcpu);
	free(vcpu->be.priv);
	vcpu->be.priv = NULL;
	give_id(vm, vcpu->be.id);
	atomic_store(&vcpu->owner, 0);
	hy_vcpu_unref(vcpu);
	return 0;
}

int hy_vcpu_reset(struct hy_vcpu *vcpu)
{
	int status = hy__vcpu_enter(vcpu);

	if (status != 0)
		return status;
	status = hy__vcpu_do(vcpu, reset_job, NULL);
	hy__vcpu_leave(vcpu);
	return status;
}

/* --- Registers --------------------------------------------------------------------------- */

static int check_regs(const struct hy_vcpu *vcpu, const hy_reg *ids, const void *values, size_t count)
{
	if (count > 0 && (!ids || !values))
		return hy__fail(HY_E_INVALID, NULL, "registers of vCPU %u: ids or values are NULL", vcpu->be.id);
	for (size_t i = 0; i < count; i++) {
		if (!vcpu->vm->arch->reg_valid(ids[i]))
			return hy__fail(HY_E_INVALID, NULL, "%#018" PRIx64 " is no register of this vCPU's architecture",
			                ids[i]);
	}
	return 0;
}

struct batch {
	const hy_reg *ids;
	union hy_value *values;         /* to be read */
	const union hy_value *settings; /* or written */
	size_t count;
};

static int regs_job(struct hy_vcpu *vcpu, void *arg)
{
	const struct batch *batch = arg;
	int status;

	if (batch->values)
		status = vcpu->ops->vcpu_get_regs(&vcpu->be, batch->ids, batch->values, batch->count);
	else
		status = vcpu->ops->vcpu_set_regs(&vcpu->be, batch->ids, batch->settings, batch->count);
	return status == 0 ? 0 : hy__backend_failed(vcpu->ops, status);
}

int hy_vcpu_get_regs(struct hy_vcpu *vcpu, const hy_reg *ids, union hy_value *values, size_t count)
{
	struct batch batch = { .ids = ids, .values = values, .count = count };
	int status = hy__vcpu_enter(vcpu);

	if (status != 0)
		return status;
	status = check_regs(vcpu, ids, values, count);
	if (status == 0 && count > 0) {
		memset(values, 0, count * sizeof(*values));
		status = hy__vcpu_do(vcpu, regs_job, &batch);
	}
	hy__vcpu_leave(vcpu);
	return status;
}

int hy_vcpu_set_regs(struct hy_vcpu *vcpu, const hy_reg *ids, const union hy_value *values, size_t count)
{
	struct batch batch = { .ids = ids, .settings = values, .count = count };
	int status = hy__vcpu_enter(vcpu);

	if (status != 0)
		return status;
	status = check_regs(vcpu, ids, values, count);
	if (status == 0 && count > 0)
		status = hy__vcpu_do(vcpu, regs_job, &batch);
	hy__vcpu_leave(vcpu);
	return status;
}

static int check_one(hy_reg id, const void *value)
{
	if (!value)
		return hy__fail(HY_E_INVALID, NULL, "the place for the register's value is NULL");
	if (HY_REG_SIZE(id) > sizeof(uint64_t))
		return hy__fail(HY_E_INVALID, "use hy_vcpu_get_regs and hy_vcpu_set_regs",
		                "register %#018" PRIx64 " is wider than 64 bits", id);
	return 0;
}

int hy_vcpu_get_reg(struct hy_vcpu *vcpu, hy_reg id, uint64_t *value)
{
	union hy_value full;
	int status = check_one(id, value);

	if (status == 0)
		status = hy_vcpu_get_regs(vcpu, &id, &full, 1);
	if (status == 0)
		*value = full.u64;
	return status;
}

int hy_vcpu_set_reg(struct hy_vcpu *vcpu, hy_reg id, uint64_t value)
{
	union hy_value full = { .u128 = { value, 0 } };
	int status = check_one(id, &value);

	if (status == 0 && HY_REG_SIZE(id) < sizeof(value) && value >> (HY_REG_SIZE(id) * 8) != 0)
		status = hy__fail(HY_E_INVALID, NULL, "%#" PRIx64 " is too wide for register %#018" PRIx64, value, id);
	return status != 0 ? status : hy_vcpu_set_regs(vcpu, &id, &full, 1);
}

int hy_reg_name(hy_reg id, char *text, size_t size)
{
	const struct hy__arch *arch = hy__arch_find(HY_REG_ARCH(id));

	if (!text || size == 0)
		return hy__fail(HY_E_INVALID, NULL, "hy_reg_name: no room for the text");
	text[0] = '\0';
	if (!arch || !arch->reg_valid(id))
		return hy__fail(HY_E_INVALID, NULL, "%#018" PRIx64 " is no register", id);
	arch->reg_name(id, text, size);
	return 0;
}
