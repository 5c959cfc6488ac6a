/* SPDX-License-Identifier: MIT */
/* Model-specific registers, and the exits that programs ask for. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "kvm.h"

/* --- Reading and writing -------------------------------------------------------- */

#define BATCH 32

struct msr_batch {
	size_t place[BATCH]; /* of each entry among the caller's ids */
	union {
		struct kvm_msrs head;
		uint8_t room[sizeof(struct kvm_msrs) + BATCH * sizeof(struct kvm_msr_entry)];
	};
};

static struct kvm_msr_entry *batch_entries(struct msr_batch *batch)
{
	return (struct kvm_msr_entry *)(batch->room + sizeof(batch->head));
}

/* Takes the next MSRs of `ids` from `i` on; returns where it stopped. */
static size_t gather(struct msr_batch *batch, const hy_reg *ids, size_t count, size_t i)
{
	struct kvm_msr_entry *entries = batch_entries(batch);
	uint32_t n = 0;

	memset(batch, 0, sizeof(*batch));
	for (; i < count && n < BATCH; i++) {
		if (HY_REG_CLASS(ids[i]) != HY_X86_CLASS_MSR)
			continue;
		entries[n].index = HY_REG_INDEX(ids[i]);
		batch->place[n++] = i;
	}
	batch->head.nmsrs = n;
	return i;
}

static int call_failed(const struct hy_backend_vcpu *be, int err, const char *request)
{
	return kvm_services_of(be)->fail(kvm_status(err), err, NULL, NULL, "%s of vCPU %u", request,
	                                 be->id);
}

static int no_such_msr(const struct hy_backend_vcpu *be, uint32_t index)
{
	return kvm_services_of(be)->fail(HY_E_UNSUPPORTED, 0, NULL, NULL,
	                                 "MSR 0x%" PRIx32 ": vCPU %u has none, or KVM doesn't show it",
	                                 index, be->id);
}

int kvm_x86_get_msrs(struct hy_backend_vcpu *be, const hy_reg *ids, union hy_value *values,
                     size_t count)
{
	struct msr_batch batch;
	size_t i = 0;

	while (i < count) {
		const struct kvm_msr_entry *entries = batch_entries(&batch);
		int r;

		i = gather(&batch, ids, count, i);
		if (!batch.head.nmsrs)
			break;
		r = kvm_vcpu_ioctl(be, KVM_GET_MSRS, &batch.head);
		if (r < 0)
			return call_failed(be, -r, "KVM_GET_MSRS");
		/* KVM answers how many it has done: the one after them is to blame. */
		if ((uint32_t)r < batch.head.nmsrs)
			return no_such_msr(be, entries[r].index);
		for (uint32_t n = 0; n < batch.head.nmsrs; n++)
			values[batch.place[n]].u64 = entries[n].data;
	}
	return 0;
}

/* An MSR that can be read was given a bad value. */
static int set_refused(struct hy_backend_vcpu *be, const struct kvm_msr_entry *entry)
{
	const hy_reg id = HY_X86_MSR(entry->index);
	struct msr_batch batch;

	gather(&batch, &id, 1, 0);
	if (kvm_vcpu_ioctl(be, KVM_GET_MSRS, &batch.head) != 1)
		return no_such_msr(be, entry->index);
	return kvm_services_of(be)->fail(HY_E_INVALID, 0, NULL, NULL,
	                                 "MSR 0x%" PRIx32 " of vCPU %u doesn't take the value 0x%"
	                                 PRIx64, entry->index, be->id, (uint64_t)entry->data);
}

int kvm_x86_set_msrs(struct hy_backend_vcpu *be, const hy_reg *ids, const union hy_value *values,
                     size_t count)
{
	struct msr_batch batch;
	size_t i = 0;

	while (i < count) {
		struct kvm_msr_entry *entries = batch_entries(&batch);
		int r;

		i = gather(&batch, ids, count, i);
		if (!batch.head.nmsrs)
			break;
		for (uint32_t n = 0; n < batch.head.nmsrs; n++)
			entries[n].data = values[batch.place[n]].u64;
		r = kvm_vcpu_ioctl(be, KVM_SET_MSRS, &batch.head);
		/* FS_BASE, GS_BASE and EFER are in there as well. */
		kvm_cpu_of(be)->arch.sregs_valid = false;
		if (r < 0)
			return call_failed(be, -r, "KVM_SET_MSRS");
		if ((uint32_t)r < batch.head.nmsrs)
			return set_refused(be, &entries[r]);
	}
	return 0;
}

/* --- Exits ------------------------------------------------------------------------ */

/* MSRs in one of the kernel's ranges. */
#define RANGE_MSRS (KVM_MSR_FILTER_MAX_BITMAP_SIZE * 8u)

/* KVM always answers x2APIC's registers itself. */
#define X2APIC_FIRST 0x800u
#define X2APIC_LAST 0x8ffu

/* A bit for each MSR, 1: the guest may go ahead.  Nothing in it may. */
static const uint64_t none_allowed[KVM_MSR_FILTER_MAX_BITMAP_SIZE / sizeof(uint64_t)];

static bool is_filterable(const struct hy_x86_msr_range *range)
{
	uint32_t last = range->first + (range->count - 1);

	return last < X2APIC_FIRST || range->first > X2APIC_LAST;
}

/* Adds one range of the options, cut to what the kernel takes; false: no room. */
static bool add_range(struct kvm_msr_filter *filter, uint32_t *n, const struct hy_x86_msr_range *range)
{
	uint32_t flags = (range->read ? KVM_MSR_FILTER_READ : 0) |
	                 (range->write ? KVM_MSR_FILTER_WRITE : 0);
	uint32_t first = range->first, left = flags ? range->count : 0;

	while (left) {
		struct kvm_msr_filter_range *r = &filter->ranges[*n];

		if (*n == KVM_MSR_FILTER_MAX_RANGES)
			return false;
		r->flags = flags;
		r->base = first;
		r->nmsrs = left < RANGE_MSRS ? left : RANGE_MSRS;
		r->bitmap = (__u8 *)(uintptr_t)none_allowed;
		first += r->nmsrs;
		left -= r->nmsrs;
		++*n;
	}
	return true;
}

static int build_filter(const struct hy_backend_vm *be, struct kvm_msr_filter *filter)
{
	const struct hy_vm_options *options = be->options;
	const struct hy_services *services = be->host->services;
	uint32_t n = 0;

	for (size_t i = 0; i < options->x86_msr_exit_count; i++) {
		const struct hy_x86_msr_range *range = &options->x86_msr_exits[i];

		if (!is_filterable(range))
			return services->fail(HY_E_UNSUPPORTED, 0, NULL, NULL,
			                      "x86_msr_exits: KVM lets nobody see accesses to MSRs "
			                      "0x%x to 0x%x", X2APIC_FIRST, X2APIC_LAST);
		if (!add_range(filter, &n, range))
			return services->fail(HY_E_LIMIT, 0, NULL, NULL,
			                      "x86_msr_exits: KVM takes %d ranges of %u MSRs",
			                      KVM_MSR_FILTER_MAX_RANGES, RANGE_MSRS);
	}
	return 0;
}

static int apply_filter(const struct hy_backend_vm *be, struct kvm_msr_filter *filter)
{
	const struct kvm_vm *vm = be->priv;
	struct kvm_enable_cap exits = {
		.cap = KVM_CAP_X86_USER_SPACE_MSR,
		.args = { KVM_MSR_EXIT_REASON_FILTER },
	};
	const char *what = "KVM_ENABLE_CAP KVM_CAP_X86_USER_SPACE_MSR";
	int r = kvm_sys->ioctl(vm->fd, KVM_ENABLE_CAP, &exits);

	if (r >= 0) {
		what = "KVM_X86_SET_MSR_FILTER";
		r = kvm_sys->ioctl(vm->fd, KVM_X86_SET_MSR_FILTER, filter);
	}
	if (r < 0)
		return be->host->services->fail(kvm_status(-r), -r, NULL, NULL, "%s", what);
	return 0;
}

int kvm_x86_msr_filter(struct hy_backend_vm *be)
{
	struct kvm_msr_filter filter = { .flags = KVM_MSR_FILTER_DEFAULT_ALLOW };
	int r;

	if (!be->options->x86_msr_exit_count)
		return 0;
	if (!kvm_host_of(be)->arch.msr_exit)
		return be->host->services->fail(HY_E_UNSUPPORTED, 0, NULL, "use Linux 5.10 or newer",
		                                "x86_msr_exits: this kernel lacks "
		                                "KVM_CAP_X86_MSR_FILTER");
	r = build_filter(be, &filter);
	if (r)
		return r;
	return apply_filter(be, &filter);
}
