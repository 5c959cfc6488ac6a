/* SPDX-License-Identifier: MIT */
/* The KVM backend against a stand-in for the kernel: no /dev/kvm needed. */
#include <errno.h>
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "kvm-double.h"
#include "suite.h"

static struct kvm_rig rig;
static uint8_t ram[8192] __attribute__((aligned(4096)));

static void setup(void)
{
	kvm_double_reset();
	memset(ram, 0, sizeof(ram));
}

static void teardown(void)
{
	kvm_rig_close(&rig);
	ck_assert_int_eq(kvm_double.fds, 0);
	ck_assert_int_eq(kvm_double.maps, 0);
	ck_assert(!kvm_double.blocked);
}

static void open_vm(void)
{
	ck_assert_int_eq(kvm_rig_open(&rig), 0);
	ck_assert_int_eq(kvm_rig_vm(&rig), 0);
	ck_assert_int_eq(kvm_rig_map(&rig, 0, ram, sizeof(ram), HY_PROT_RWX), 0);
}

static void open_vcpu(void)
{
	open_vm();
	ck_assert_msg(kvm_rig_vcpu(&rig) == 0, "%s", kvm_failure.text);
}

/* --- Probe --------------------------------------------------------------------- */

#define BARE "flags\t\t: fpu vme sse\n"
#define GUEST "flags\t\t: fpu vme hypervisor sse\n"
#define INTEL "vendor_id\t: GenuineIntel\nflags\t\t: fpu vmx sse\n"
#define AMD "vendor_id\t: AuthenticAMD\nflags\t\t: fpu sse svm\n"
#define NODE(owner, group, mode) { owner, group, S_IFCHR | (mode) }

static const struct {
	int error;
	const char *cpuinfo;
	const char *version;
	bool in_docker;
	struct kvm_node node;
	uint32_t status;
	const char *reason;
	const char *hint;
} probes[] = {
	{ ENOENT, BARE, "Linux", false, NODE(0, 0, 0), HY_PROBE_NO_DEVICE,
	  "open /dev/kvm: No such file or directory (ENOENT): the processor shows neither", "firmware" },
	{ ENOENT, GUEST, "Linux", false, NODE(0, 0, 0), HY_PROBE_NO_DEVICE, "this is a virtual machine",
	  "nested virtualization" },
	{ ENOENT, INTEL, "Linux", false, NODE(0, 0, 0), HY_PROBE_NO_DEVICE, "kvm_intel isn't loaded",
	  "sudo modprobe kvm_intel" },
	{ ENOENT, AMD, "Linux", false, NODE(0, 0, 0), HY_PROBE_NO_DEVICE, "kvm_amd isn't loaded",
	  "sudo modprobe kvm_amd" },
	{ ENOENT, INTEL, "Linux", true, NODE(0, 0, 0), HY_PROBE_NO_DEVICE, "in a container",
	  "--device /dev/kvm" },
	{ ENOENT, GUEST, "Linux 5.15-microsoft-standard-WSL2", false, NODE(0, 0, 0), HY_PROBE_NO_DEVICE,
	  "under WSL", "nestedVirtualization=true" },
	{ EACCES, INTEL, "Linux", false, NODE(0, 36, 0660), HY_PROBE_NO_PERMISSION,
	  "open /dev/kvm: Permission denied (EACCES): the node is crw-rw---- root:kvm, the user alice",
	  "sudo usermod -aG kvm alice, then log in again" },
	{ EACCES, INTEL, "Linux", false, NODE(0, 0, 0600), HY_PROBE_NO_PERMISSION,
	  "crw------- root:root", "sudo chown root:kvm /dev/kvm && sudo chmod 660 /dev/kvm" },
	{ EPERM, INTEL, "Linux", true, NODE(0, 36, 0660), HY_PROBE_NO_PERMISSION, "(EPERM), in a container",
	  "--device /dev/kvm" },
	{ ENODEV, INTEL, "Linux", false, NODE(0, 0, 0), HY_PROBE_DISABLED, "(ENODEV)", "dmesg" },
	{ ENXIO, INTEL, "Linux", false, NODE(0, 0, 0), HY_PROBE_DISABLED, "(ENXIO)", "firmware" },
	{ EBUSY, INTEL, "Linux", false, NODE(0, 0, 0), HY_PROBE_BUSY, "(EBUSY)", "other hypervisor" },
	{ EMFILE, INTEL, "Linux", false, NODE(0, 0, 0), HY_PROBE_ERROR, "(EMFILE)", "ulimit -n" },
	{ 999, INTEL, "Linux", false, NODE(0, 0, 0), HY_PROBE_ERROR, "error 999", "" },
};

START_TEST(probe_explains)
{
	struct hy_probe probe = { .size = sizeof(probe) };

	kvm_double.open_error = probes[_i].error;
	kvm_double.cpuinfo = probes[_i].cpuinfo;
	kvm_double.version = probes[_i].version;
	kvm_double.in_docker = probes[_i].in_docker;
	kvm_double.node = probes[_i].node;
	kvm_probe(&probe);
	ck_assert_uint_eq(probe.status, probes[_i].status);
	ck_assert_int_eq(probe.host_code, probes[_i].error);
	ck_assert_msg(strstr(probe.reason, probes[_i].reason) != NULL, "%s", probe.reason);
	ck_assert_msg(strstr(probe.hint, probes[_i].hint) != NULL, "%s", probe.hint);
	/* None is cut: there is room to spare. */
	ck_assert_uint_lt(strlen(probe.reason), sizeof(probe.reason) - 1);
	ck_assert_uint_lt(strlen(probe.hint), sizeof(probe.hint) - 1);
	ck_assert_int_eq(kvm_rig_open(&rig), kvm_failure.code);
	ck_assert_str_eq(kvm_failure.text, probe.reason);
}
END_TEST

START_TEST(probe_wants_capabilities)
{
	struct hy_probe probe = { .size = sizeof(probe) };

	kvm_probe(&probe);
	ck_assert_uint_eq(probe.status, HY_PROBE_OK);
	ck_assert_str_eq(probe.reason, "");
	kvm_double.missing_cap = KVM_CAP_SYNC_REGS;
	kvm_probe(&probe);
	ck_assert_uint_eq(probe.status, HY_PROBE_TOO_OLD);
	ck_assert_ptr_ne(strstr(probe.reason, "KVM_CAP_SYNC_REGS"), NULL);
	kvm_double.api_version = 11;
	kvm_probe(&probe);
	ck_assert_uint_eq(probe.status, HY_PROBE_TOO_OLD);
	ck_assert_ptr_ne(strstr(probe.reason, "KVM_GET_API_VERSION: 11"), NULL);
}
END_TEST

/* --- Host and VM ------------------------------------------------------------------ */

START_TEST(capabilities)
{
	struct hy_cap cap = { 0 };

	kvm_double.missing_cap = KVM_CAP_X86_MSR_FILTER;
	ck_assert_int_eq(kvm_rig_open(&rig), 0);
	ck_assert_int_eq(rig.ops->cap(&rig.host, HY_CAP_MSR_EXIT, &cap), 0);
	ck_assert_uint_eq(cap.how, HY_CAP_ABSENT);
	ck_assert_ptr_nonnull(cap.reason);
	rig.ops->cap(&rig.host, HY_CAP_GPA_BITS, &cap);
	ck_assert_uint_eq(cap.value, 39);
	rig.ops->cap(&rig.host, HY_CAP_MAX_REGIONS, &cap);
	ck_assert_uint_eq(cap.value, 32764);
	memset(&cap, 0, sizeof(cap));
	rig.ops->cap(&rig.host, 9999, &cap);
	ck_assert_uint_eq(cap.how, HY_CAP_ABSENT);
}
END_TEST

START_TEST(cpuid_is_cleaned)
{
	struct hy_x86_cpuid table[200];
	size_t count = 0;

	/* More than the first try has room for. */
	kvm_double.cpuid_lines = 150;
	ck_assert_int_eq(kvm_rig_open(&rig), 0);
	ck_assert_int_eq(rig.ops->x86_cpuid(&rig.host, NULL, &count), HY_E_LIMIT);
	ck_assert_uint_eq(count, 149);
	ck_assert_int_eq(rig.ops->x86_cpuid(&rig.host, table, &count), 0);
	for (size_t i = 0; i < count; i++)
		ck_assert_uint_ne(table[i].leaf, 0x40000000);
	ck_assert_uint_eq(table[1].ebx, 0);
	ck_assert_uint_eq(table[1].ecx, 0xffffffff & ~(1u << 21 | 1u << 24));
}
END_TEST

START_TEST(vcpus_have_their_own_apic_id)
{
	open_vm();
	rig.vcpu.id = 3;
	ck_assert_int_eq(kvm_rig_vcpu(&rig), 0);
	ck_assert_uint_eq(kvm_double.apic_id, 3);
	ck_assert_uint_eq(kvm_double.cpuid_set, 19);
}
END_TEST

static const struct {
	int error;
	int status;
	const char *text;
} vm_errors[] = {
	{ EBUSY, HY_E_BUSY, "another hypervisor" },
	{ ENOMEM, HY_E_NOMEM, "no memory" },
	{ EINTR, HY_E_HOST, "interrupted" },
	{ EACCES, HY_E_PERMISSION, "KVM_CREATE_VM" },
};

START_TEST(create_vm_explains)
{
	ck_assert_int_eq(kvm_rig_open(&rig), 0);
	kvm_double.bad_request = KVM_CREATE_VM;
	kvm_double.bad_error = vm_errors[_i].error;
	ck_assert_int_eq(kvm_rig_vm(&rig), vm_errors[_i].status);
	ck_assert_ptr_ne(strstr(kvm_failure.text, vm_errors[_i].text), NULL);
}
END_TEST

START_TEST(create_vm_is_tried_again)
{
	ck_assert_int_eq(kvm_rig_open(&rig), 0);
	kvm_double.create_vm_interrupts = 3;
	ck_assert_int_eq(kvm_rig_vm(&rig), 0);
}
END_TEST

START_TEST(bad_kick_signals)
{
	static const int bad[] = { SIGKILL, SIGSTOP, -1, 65, 32 };

	ck_assert_int_eq(kvm_rig_open(&rig), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		rig.options.kick_signal = bad[i];
		ck_assert_int_eq(kvm_rig_vm(&rig), HY_E_INVALID);
	}
}
END_TEST

START_TEST(msr_filter)
{
	static const struct hy_x86_msr_range ranges[] = {
		{ 0x10, 1, 1, 0 }, { 0xc0000000, 0x4000, 0, 1 }, { 0x20, 1, 0, 0 },
	};
	static const struct hy_x86_msr_range x2apic = { 0x7ff, 2, 1, 1 };
	static const struct hy_x86_msr_range all = { 0xc0000000, 0x40000000, 1, 1 };

	rig.options.x86_msr_exits = ranges;
	rig.options.x86_msr_exit_count = 3;
	open_vm();
	ck_assert_uint_eq(kvm_double.filter.ranges[0].flags, KVM_MSR_FILTER_READ);
	ck_assert_uint_eq(kvm_double.filter.ranges[0].nmsrs, 1);
	ck_assert_uint_eq(kvm_double.filter.ranges[1].flags, KVM_MSR_FILTER_WRITE);
	ck_assert_uint_eq(kvm_double.filter.ranges[1].nmsrs, 0x3000);
	ck_assert_uint_eq(kvm_double.filter.ranges[2].base, 0xc0003000);
	ck_assert_uint_eq(kvm_double.filter.ranges[2].nmsrs, 0x1000);
	ck_assert_uint_eq(kvm_double.filter.ranges[3].nmsrs, 0);
	kvm_rig_close(&rig);
	ck_assert_int_eq(kvm_rig_open(&rig), 0);
	rig.options.x86_msr_exits = &x2apic;
	rig.options.x86_msr_exit_count = 1;
	ck_assert_int_eq(kvm_rig_vm(&rig), HY_E_UNSUPPORTED);
	rig.options.x86_msr_exits = &all;
	ck_assert_int_eq(kvm_rig_vm(&rig), HY_E_LIMIT);
}
END_TEST

/* --- Memory -------------------------------------------------------------------------- */

START_TEST(slots_are_reused_lowest_first)
{
	struct hy_backend_region region[200];

	memset(region, 0, sizeof(region));
	open_vm();
	for (size_t i = 0; i < 200; i++) {
		region[i].gpa = 0x100000 + i * 4096;
		region[i].size = 4096;
		region[i].host = ram;
		region[i].prot = HY_PROT_RWX;
		ck_assert_int_eq(rig.ops->memory_map(&rig.vm, &region[i]), 0);
		ck_assert_uint_eq(region[i].cookie, i + 1);
	}
	ck_assert_int_eq(rig.ops->memory_unmap(&rig.vm, &region[150]), 0);
	ck_assert_int_eq(rig.ops->memory_unmap(&rig.vm, &region[7]), 0);
	ck_assert_int_eq(rig.ops->memory_map(&rig.vm, &region[7]), 0);
	ck_assert_uint_eq(region[7].cookie, 8);
	ck_assert_int_eq(rig.ops->memory_map(&rig.vm, &region[150]), 0);
	ck_assert_uint_eq(region[150].cookie, 151);
}
END_TEST

START_TEST(a_failed_map_keeps_no_slot)
{
	open_vm();
	kvm_double.bad_request = KVM_SET_USER_MEMORY_REGION;
	kvm_double.bad_error = EEXIST;
	ck_assert_int_eq(kvm_rig_map(&rig, 0x10000, ram, 4096, HY_PROT_RWX), HY_E_HOST);
	ck_assert_ptr_ne(strstr(kvm_failure.text, "slot 1 at 0x10000, 0x1000 bytes: it overlaps"), NULL);
	ck_assert_int_eq(rig.ops->memory_unmap(&rig.vm, &rig.region[0]), HY_E_HOST);
	kvm_double.bad_request = 0;
	ck_assert_int_eq(kvm_rig_map(&rig, 0x10000, ram, 4096, HY_PROT_RX), 0);
	ck_assert_uint_eq(kvm_double.last_slot, 1);
}
END_TEST

START_TEST(all_slots_used)
{
	struct hy_backend_region region = { .gpa = 0x100000, .size = 4096, .host = ram };

	open_vm();
	for (int i = 1; i < 32764; i++)
		ck_assert_int_eq(rig.ops->memory_map(&rig.vm, &region), 0);
	ck_assert_int_eq(rig.ops->memory_map(&rig.vm, &region), HY_E_LIMIT);
	ck_assert_int_eq(rig.ops->memory_unmap(&rig.vm, &region), 0);
	ck_assert_int_eq(rig.ops->memory_map(&rig.vm, &region), 0);
	ck_assert_uint_eq(region.cookie, 32763);
}
END_TEST

/* --- vCPUs ------------------------------------------------------------------------------ */

START_TEST(signal_mask_is_restored_with_the_last)
{
	struct hy_backend_vcpu second = { .id = 1 };
	struct hy_exit exit;

	open_vcpu();
	ck_assert(kvm_double.blocked);
	ck_assert_uint_eq(kvm_double.run_mask & 1u << (SIGURG - 1), 0);
	second.vm = &rig.vm;
	second.exit = &exit;
	second.priv = calloc(1, rig.ops->vcpu_size);
	ck_assert_int_eq(rig.ops->vcpu_create(&second), 0);
	ck_assert_uint_eq(kvm_double.run_mask & 1u << (SIGURG - 1), 0);
	kvm_rig_drop_vcpu(&rig);
	ck_assert(kvm_double.blocked);
	kvm_double.pending = 2;
	rig.ops->vcpu_destroy(&second);
	ck_assert(!kvm_double.blocked);
	ck_assert_uint_eq(kvm_double.pending, 0);
	free(second.priv);
}
END_TEST

START_TEST(a_signal_that_was_blocked_stays_so)
{
	kvm_double.blocked = true;
	open_vcpu();
	kvm_rig_drop_vcpu(&rig);
	ck_assert(kvm_double.blocked);
	kvm_double.blocked = false;
}
END_TEST

START_TEST(vcpu_errors)
{
	open_vm();
	kvm_double.bad_request = KVM_CREATE_VCPU;
	kvm_double.bad_error = EEXIST;
	ck_assert_int_eq(kvm_rig_vcpu(&rig), HY_E_EXISTS);
	kvm_double.bad_error = EINVAL;
	ck_assert_int_eq(kvm_rig_vcpu(&rig), HY_E_LIMIT);
	kvm_double.bad_error = EMFILE;
	ck_assert_int_eq(kvm_rig_vcpu(&rig), HY_E_NOMEM);
}
END_TEST

/* --- Registers ------------------------------------------------------------------------------ */

START_TEST(segment_attributes)
{
	static const uint16_t attributes[] = {
		HY_X86_ATTR_DATA16, HY_X86_ATTR_CODE16, HY_X86_ATTR_DATA32, HY_X86_ATTR_CODE32,
		HY_X86_ATTR_CODE64, 0x0082, 0x008b, 0x00f3, HY_X86_ATTR_DATA32 | HY_X86_SEG_AVL,
		HY_X86_SEG_UNUSABLE, HY_X86_SEG_UNUSABLE | HY_X86_SEG_S | 3,
	};

	for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]); i++) {
		struct hy_segment from = { 0x123456789abc, 0xfffff, 0x1b, attributes[i] }, back;
		struct kvm_segment kvm;

		kvm_x86_segment_to_kvm(&kvm, &from);
		ck_assert_uint_eq(kvm.present, !kvm.unusable);
		kvm_x86_segment_from_kvm(&back, &kvm);
		ck_assert(memcmp(&from, &back, sizeof(from)) == 0);
	}
}
END_TEST

START_TEST(not_present_is_unusable)
{
	struct hy_segment from = { 0, 0, 0, HY_X86_SEG_S | 3 }, back;
	struct kvm_segment kvm;

	kvm_x86_segment_to_kvm(&kvm, &from);
	ck_assert_uint_eq(kvm.unusable, 1);
	/* What VMX hosts give for a null segment. */
	kvm.present = 1;
	kvm_x86_segment_from_kvm(&back, &kvm);
	ck_assert_uint_eq(back.attributes, HY_X86_SEG_UNUSABLE | HY_X86_SEG_S | 3);
}
END_TEST

START_TEST(msrs_are_named)
{
	hy_reg ids[70];
	union hy_value values[70];

	memset(values, 0, sizeof(values));
	for (size_t i = 0; i < 70; i++)
		ids[i] = HY_X86_MSR(0x1000 + i);
	open_vcpu();
	ck_assert_int_eq(rig.ops->vcpu_get_regs(&rig.vcpu, ids, values, 70), 0);
	kvm_double.bad_msr = 0x1041;
	ck_assert_int_eq(rig.ops->vcpu_get_regs(&rig.vcpu, ids, values, 70), HY_E_UNSUPPORTED);
	ck_assert_ptr_ne(strstr(kvm_failure.text, "0x1041"), NULL);
	ck_assert_int_eq(rig.ops->vcpu_set_regs(&rig.vcpu, ids, values, 70), HY_E_UNSUPPORTED);
	kvm_double.bad_msr = 0;
	kvm_double.full_msr = 0x1022;
	ck_assert_int_eq(rig.ops->vcpu_set_regs(&rig.vcpu, ids, values, 70), HY_E_INVALID);
	ck_assert_ptr_ne(strstr(kvm_failure.text, "0x1022"), NULL);
}
END_TEST

START_TEST(nothing_changes_before_all_ids_are_good)
{
	hy_reg ids[] = { HY_X86_CR3, HY_X86_RAX, HY_X86_GENERAL(16) };
	union hy_value values[3] = { { .u64 = 1 }, { .u64 = 2 }, { .u64 = 3 } };
	uint64_t rax;

	open_vcpu();
	ck_assert_int_eq(rig.ops->vcpu_set_regs(&rig.vcpu, ids, values, 3), HY_E_UNSUPPORTED);
	ck_assert_uint_eq(kvm_double.sregs.cr3, 0);
	ck_assert_int_eq(kvm_rig_get(&rig, HY_X86_RAX, &rax), 0);
	ck_assert_uint_eq(rax, 0);
}
END_TEST

START_TEST(refused_sregs_are_explained)
{
	open_vcpu();
	kvm_double.bad_request = KVM_SET_SREGS;
	kvm_double.bad_error = EINVAL;
	ck_assert_int_eq(kvm_rig_set(&rig, HY_X86_CR0, HY_X86_CR0_PG), HY_E_INVALID);
	ck_assert_ptr_ne(strstr(kvm_failure.text, "cr0.PG needs cr0.PE"), NULL);
	ck_assert_int_eq(kvm_rig_set(&rig, HY_X86_EFER, HY_X86_EFER_LMA), HY_E_INVALID);
	ck_assert_ptr_ne(strstr(kvm_failure.text, "efer.LMA needs"), NULL);
}
END_TEST

START_TEST(no_xcr0_without_xsave)
{
	uint64_t value;

	kvm_double.missing_cap = KVM_CAP_XCRS;
	open_vcpu();
	ck_assert_int_eq(kvm_rig_get(&rig, HY_X86_XCR0, &value), 0);
	ck_assert_uint_eq(value, 1);
	ck_assert_int_eq(kvm_rig_set(&rig, HY_X86_XCR0, 1), 0);
	ck_assert_int_eq(kvm_rig_set(&rig, HY_X86_XCR0, 3), HY_E_INVALID);
}
END_TEST

static const int xsave_sizes[] = { 0, 4096, 6000 };

START_TEST(xsave_sizes_follow_the_kernel)
{
	int want = xsave_sizes[_i] > 4096 ? xsave_sizes[_i] : 4096;
	uint8_t image[8192];
	size_t size = 0;

	kvm_double.xsave_size = xsave_sizes[_i];
	open_vcpu();
	ck_assert_int_eq(rig.ops->x86_get_xsave(&rig.vcpu, image, &size), HY_E_LIMIT);
	ck_assert_uint_eq(size, (size_t)want);
	size = sizeof(image);
	ck_assert_int_eq(rig.ops->x86_get_xsave(&rig.vcpu, image, &size), 0);
	ck_assert_uint_eq(size, (size_t)want);
	ck_assert_int_eq(rig.ops->x86_set_xsave(&rig.vcpu, image, size), 0);
	ck_assert_int_eq(rig.ops->x86_set_xsave(&rig.vcpu, image, size + 1), HY_E_INVALID);
	image[520] = 1;
	ck_assert_int_eq(rig.ops->x86_set_xsave(&rig.vcpu, image, size), HY_E_INVALID);
}
END_TEST

/* --- Exits -------------------------------------------------------------------------------------- */

static uint32_t guest_reason;
static int guest_error;

static int guest_exits(struct kvm_run *run)
{
	if (guest_error)
		return -guest_error;
	run->exit_reason = guest_reason;
	memset(run->padding, 0x5a, 32);
	return 0;
}

static int run_reason(uint32_t reason, int error)
{
	guest_reason = reason;
	guest_error = error;
	kvm_double.guest = guest_exits;
	return kvm_rig_run(&rig);
}

START_TEST(exits_have_kinds)
{
	open_vcpu();
	ck_assert_int_eq(run_reason(KVM_EXIT_HLT, 0), 0);
	ck_assert_uint_eq(rig.exit.kind, HY_EXIT_HALT);
	ck_assert_int_eq(run_reason(KVM_EXIT_SHUTDOWN, 0), 0);
	ck_assert_uint_eq(rig.exit.kind, HY_EXIT_SHUTDOWN);
	ck_assert_int_eq(run_reason(KVM_EXIT_FAIL_ENTRY, 0), 0);
	ck_assert_uint_eq(rig.exit.kind, HY_EXIT_FAULT);
	ck_assert_uint_eq(rig.exit.fault.reason, HY_FAULT_STATE);
	ck_assert_uint_eq(rig.exit.fault.host_code, 0x5a5a5a5a5a5a5a5a);
	ck_assert_int_eq(run_reason(39, 0), 0);
	ck_assert_uint_eq(rig.exit.fault.reason, HY_FAULT_MEMORY);
	ck_assert_uint_eq(rig.exit.fault.gpa, 0x5a5a5a5a5a5a5a5a);
	ck_assert_int_eq(run_reason(KVM_EXIT_INTERNAL_ERROR, 0), 0);
	ck_assert_uint_eq(rig.exit.kind, HY_EXIT_UNKNOWN);
	ck_assert_uint_eq(rig.exit.unknown.host_code, KVM_EXIT_INTERNAL_ERROR);
	ck_assert_uint_eq(rig.exit.unknown.raw_size, 128);
	ck_assert_uint_eq(rig.exit.unknown.raw[31], 0x5a);
	ck_assert_int_eq(run_reason(12345, 0), 0);
	ck_assert_uint_eq(rig.exit.kind, HY_EXIT_UNKNOWN);
}
END_TEST

START_TEST(run_failures)
{
	open_vcpu();
	ck_assert_int_eq(run_reason(0, EIO), HY_E_HOST);
	ck_assert_int_eq(kvm_failure.host_code, EIO);
	ck_assert_int_eq(run_reason(0, ENOMEM), HY_E_NOMEM);
	ck_assert_int_eq(run_reason(0, EAGAIN), HY_RUN_INTERRUPTED);
	run_reason(KVM_EXIT_HLT, 0);
	ck_assert_int_eq(run_reason(0, EFAULT), 0);
	ck_assert_uint_eq(rig.exit.fault.reason, HY_FAULT_MEMORY);
	ck_assert_uint_eq(rig.exit.fault.gpa, HY_ADDR_UNKNOWN);
}
END_TEST

static int guest_reports_twice(struct kvm_run *run)
{
	run->exit_reason = kvm_double.runs % 2 ? KVM_EXIT_IRQ_WINDOW_OPEN : KVM_EXIT_HLT;
	return 0;
}

START_TEST(the_hosts_own_exits_are_passed_over)
{
	open_vcpu();
	kvm_double.guest = guest_reports_twice;
	ck_assert_int_eq(kvm_rig_run(&rig), 0);
	ck_assert_uint_eq(rig.exit.kind, HY_EXIT_HALT);
	ck_assert_uint_eq(kvm_double.runs, 2);
}
END_TEST

/* Whoever pokes a vCPU that doesn't run sends no signal. */
START_TEST(poke_and_drain)
{
	open_vcpu();
	rig.ops->vcpu_poke(&rig.vcpu);
	ck_assert_uint_eq(kvm_double.pending, 0);
	rig.vcpu.running = 1;
	rig.ops->vcpu_poke(&rig.vcpu);
	ck_assert_uint_eq(kvm_double.pending, 1);
	/* Without a request the run goes on as if nothing was: immediate_exit is gone. */
	kvm_double.guest = guest_exits;
	guest_reason = KVM_EXIT_HLT;
	guest_error = 0;
	ck_assert_int_eq(kvm_rig_run(&rig), 0);
	ck_assert_uint_eq(kvm_double.pending, 1);
	ck_assert_int_eq(run_reason(0, EINTR), HY_RUN_INTERRUPTED);
	ck_assert_uint_eq(kvm_double.pending, 0);
	kvm_double.runs = 0;
	rig.vcpu.requests = HY_REQUEST_PAUSE;
	ck_assert_int_eq(kvm_rig_run(&rig), HY_RUN_INTERRUPTED);
	ck_assert_uint_eq(kvm_double.runs, 0);
}
END_TEST

/* --- Port accesses ----------------------------------------------------------------------------------- */

#define OUT1 { 0x10, 1, true, 'n', 'n', 0x10, false, true, 4 }
#define OUT1_RF { 0x10, 1, true, 'n', 'n', 0x10, true, true, 4 }
#define OUT2 { 0x10, 2, true, 'n', 'n', 0x10, false, true, 4 }
#define OUT4 { 0x10, 4, true, 'n', 'n', 0x10, false, true, 4 }
#define OUT2_16 { 0x10, 2, true, 'n', 'n', 0x10, false, false, 2 }
#define IN1 { 0x10, 1, false, 0, 0, 0x10, false, true, 4 }
#define IN4 { 0x10, 4, false, 0, 0, 0x10, false, true, 4 }

static const struct {
	struct x86_io io;
	const char *before, *at;
	unsigned readings;
} codes[] = {
	/* On it. */
	{ OUT1, "\x90", "\xee\xf4", X86_IO_PLAIN_AT },
	{ OUT1, "\x90", "\xe6\x10", X86_IO_PLAIN_AT },
	{ OUT1, "\x90", "\xe6\x11", 0 },
	{ OUT1, "\x90", "\xe6", 0 },
	{ OUT4, "\x90", "\xef\xf4", X86_IO_PLAIN_AT },
	{ OUT4, "\x90", "\x48\xef", X86_IO_PLAIN_AT },
	{ OUT4, "\x90", "\x66\xef", 0 },
	{ OUT2, "\x90", "\x66\xef", X86_IO_PLAIN_AT },
	{ OUT2_16, "\x90", "\xef", X86_IO_PLAIN_AT },
	{ OUT2_16, "\x90", "\x66\xef", 0 },
	{ OUT2_16, "\x90", "\x48\xef", 0 },
	{ OUT1_RF, "\x90", "\xf3\x6e", X86_IO_STRING_AT },
	{ OUT1, "\x90", "\xf3\x6e", 0 },
	{ OUT1, "\x90", "\x6e", 0 },
	{ IN1, "\xee", "\xec", X86_IO_PLAIN_AT },
	{ IN1, "\x90", "\xe4\x10", X86_IO_PLAIN_AT },
	{ IN1, "\x90", "\x6c", X86_IO_STRING_AT },
	{ IN1, "\x90", "\xf2\x67\x6c", X86_IO_STRING_AT },
	{ IN4, "\x90", "\x6d", X86_IO_STRING_AT },
	{ IN4, "\x90", "\xed", X86_IO_PLAIN_AT },
	{ IN1, "\x90", "\xee", 0 },
	/* Past it. */
	{ OUT1, "\x90\xee", "\xf4", X86_IO_PLAIN_BEFORE },
	{ OUT1, "\xe6\x10", "\xf4", X86_IO_PLAIN_BEFORE },
	{ OUT1, "\xe6\x11", "\xf4", 0 },
	{ OUT4, "\xe7\x10", "\xf4", X86_IO_PLAIN_BEFORE },
	{ OUT2, "\x66\xef", "\xf4", X86_IO_PLAIN_BEFORE },
	{ OUT1, "\x90\xef", "\xf4", 0 },
	{ OUT1, "\x90\x6e", "\xf4", X86_IO_STRING_BEFORE },
	{ OUT4, "\x90\x6f", "\xf4", X86_IO_STRING_BEFORE },
	/* Both. */
	{ OUT1, "\xb0\x6e", "\xee", X86_IO_STRING_BEFORE | X86_IO_PLAIN_AT },
	{ OUT1, "\xee", "\xee", X86_IO_PLAIN_BEFORE | X86_IO_PLAIN_AT },
	{ OUT1_RF, "\xee", "\xf3\x6e", X86_IO_PLAIN_BEFORE | X86_IO_STRING_AT },
	/* Only prefixes. */
	{ OUT1, "", "\x66\x67", 0 },
};

START_TEST(io_readings)
{
	unsigned readings = kvm_x86_io_readings(&codes[_i].io, (const uint8_t *)codes[_i].before,
	                                        strlen(codes[_i].before), (const uint8_t *)codes[_i].at,
	                                        strlen(codes[_i].at));

	ck_assert_msg(readings == codes[_i].readings, "line %d: %#x, wanted %#x", _i, readings,
	              codes[_i].readings);
}
END_TEST

static int guest_out(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = KVM_EXIT_IO_OUT;
	run->io.size = 1;
	run->io.count = 1;
	run->io.port = 0x10;
	run->io.data_offset = 4096;
	((uint8_t *)run)[4096] = 'n';
	return 0;
}

/* "mov $0x6e, %al; out", the pointer on OUT: the byte before is OUTS's opcode. */
START_TEST(memory_tells_out_from_outs)
{
	uint64_t value;

	open_vcpu();
	kvm_double.guest = guest_out;
	kvm_double.regs.rax = 'n';
	kvm_double.regs.rdx = 0x10;
	kvm_double.regs.rsi = 0x800;
	kvm_double.regs.rip = 0x102;
	memcpy(ram + 0x100, "\xb0\x6e\xee", 3);
	ck_assert_int_eq(kvm_rig_run(&rig), 0);
	ck_assert_int_eq(kvm_rig_get(&rig, HY_X86_RAX, &value), 0);
	ck_assert_uint_eq(value, 'n');
	ram[0x7ff] = 'n';
	ck_assert_int_eq(kvm_rig_run(&rig), 0);
	ck_assert_int_eq(kvm_rig_get(&rig, HY_X86_RAX, &value), HY_E_PENDING);
	/* Not what is in AL: no question. */
	ram[0x7ff] = 0;
	kvm_double.regs.rax = 'm';
	ck_assert_int_eq(kvm_rig_run(&rig), 0);
	ck_assert_int_eq(kvm_rig_get(&rig, HY_X86_RAX, &value), HY_E_PENDING);
}
END_TEST

/* A pointer near the beginning of memory has fewer bytes before it. */
START_TEST(code_at_the_edge_of_memory)
{
	uint64_t value;

	open_vcpu();
	kvm_double.guest = guest_out;
	kvm_double.regs.rax = 'n';
	kvm_double.regs.rdx = 0x10;
	kvm_double.regs.rip = 1;
	ram[0] = 0xee;
	ck_assert_int_eq(kvm_rig_run(&rig), 0);
	ck_assert_int_eq(kvm_rig_get(&rig, HY_X86_RAX, &value), 0);
	kvm_double.regs.rip = sizeof(ram);
	ram[sizeof(ram) - 1] = 0xee;
	ck_assert_int_eq(kvm_rig_run(&rig), 0);
	ck_assert_int_eq(kvm_rig_get(&rig, HY_X86_RAX, &value), 0);
}
END_TEST

/* --- Every call fails once -------------------------------------------------------------------------- */

static int whole_life(void)
{
	static const hy_reg ids[] = { HY_X86_RAX, HY_X86_CR3, HY_X86_CS, HY_X86_DR7, HY_X86_XCR0,
		                      HY_X86_MSR(0x10) };
	union hy_value values[6];
	uint8_t image[4096];
	size_t size = sizeof(image);
	int r = kvm_rig_open(&rig);

	memset(values, 0, sizeof(values));
	if (!r)
		r = kvm_rig_vm(&rig);
	if (!r)
		r = kvm_rig_map(&rig, 0, ram, sizeof(ram), HY_PROT_RX);
	if (!r)
		r = kvm_rig_vcpu(&rig);
	if (!r)
		r = rig.ops->vcpu_get_regs(&rig.vcpu, ids, values, 6);
	if (!r)
		r = rig.ops->vcpu_set_regs(&rig.vcpu, ids, values, 6);
	if (!r)
		r = rig.ops->x86_get_xsave(&rig.vcpu, image, &size);
	if (!r)
		r = rig.ops->x86_set_xsave(&rig.vcpu, image, size);
	if (!r)
		r = rig.ops->vcpu_bind(&rig.vcpu);
	if (!r)
		r = run_reason(KVM_EXIT_HLT, 0);
	if (!r)
		r = rig.ops->memory_unmap(&rig.vm, &rig.region[0]);
	return r;
}

static const int injected[] = { EIO, ENOMEM, EINVAL, EPERM };

START_TEST(every_call_fails_once)
{
	static const struct hy_x86_msr_range range = { 0x10, 1, 1, 1 };
	unsigned calls, failures = 0;

	rig.options.x86_msr_exits = &range;
	rig.options.x86_msr_exit_count = 1;
	kvm_double.unrestricted_guest = "N\n";
	ck_assert_int_eq(whole_life(), 0);
	kvm_rig_close(&rig);
	calls = kvm_double.calls;
	for (unsigned i = 1; i <= calls; i++) {
		int r;

		kvm_double_reset();
		kvm_double.unrestricted_guest = "N\n";
		kvm_double.fail_at = i;
		kvm_double.fail_with = injected[_i];
		rig.options.x86_msr_exits = &range;
		rig.options.x86_msr_exit_count = 1;
		r = whole_life();
		/* Capabilities that can't be asked for are taken for absent. */
		if (r) {
			ck_assert_int_lt(r, 0);
			ck_assert_int_eq(kvm_failure.code, r);
			ck_assert_uint_gt(strlen(kvm_failure.text), 0);
			failures++;
		}
		kvm_rig_close(&rig);
		ck_assert_msg(kvm_double.fds == 0, "call %u leaks a descriptor", i);
		ck_assert_msg(kvm_double.maps == 0, "call %u leaks a map", i);
		/* The last call is the one that unblocks. */
		if (kvm_double.blocked && i != calls)
			ck_abort_msg("call %u leaves the signal blocked", i);
		kvm_double.blocked = false;
	}
	ck_assert_uint_ge(failures, 20);
}
END_TEST

/* --- Running ------------------------------------------------------------------------------------------ */

#define LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

static void add_host_tests(TCase *t)
{
	tcase_add_loop_test(t, probe_explains, 0, LENGTH(probes));
	tcase_add_test(t, probe_wants_capabilities);
	tcase_add_test(t, capabilities);
	tcase_add_test(t, cpuid_is_cleaned);
	tcase_add_loop_test(t, create_vm_explains, 0, LENGTH(vm_errors));
	tcase_add_test(t, create_vm_is_tried_again);
	tcase_add_test(t, bad_kick_signals);
	tcase_add_test(t, msr_filter);
	tcase_add_test(t, slots_are_reused_lowest_first);
	tcase_add_test(t, a_failed_map_keeps_no_slot);
	tcase_add_test(t, all_slots_used);
	tcase_add_loop_test(t, every_call_fails_once, 0, LENGTH(injected));
}

static void add_vcpu_tests(TCase *t)
{
	tcase_add_test(t, vcpus_have_their_own_apic_id);
	tcase_add_test(t, signal_mask_is_restored_with_the_last);
	tcase_add_test(t, a_signal_that_was_blocked_stays_so);
	tcase_add_test(t, vcpu_errors);
	tcase_add_test(t, segment_attributes);
	tcase_add_test(t, not_present_is_unusable);
	tcase_add_test(t, msrs_are_named);
	tcase_add_test(t, nothing_changes_before_all_ids_are_good);
	tcase_add_test(t, refused_sregs_are_explained);
	tcase_add_test(t, no_xcr0_without_xsave);
	tcase_add_loop_test(t, xsave_sizes_follow_the_kernel, 0, LENGTH(xsave_sizes));
	tcase_add_test(t, exits_have_kinds);
	tcase_add_test(t, run_failures);
	tcase_add_test(t, the_hosts_own_exits_are_passed_over);
	tcase_add_test(t, poke_and_drain);
	tcase_add_loop_test(t, io_readings, 0, LENGTH(codes));
	tcase_add_test(t, memory_tells_out_from_outs);
	tcase_add_test(t, code_at_the_edge_of_memory);
}

int main(void)
{
	Suite *suite = suite_create("kvm-double");
	TCase *host = tcase_create("host"), *vcpu = tcase_create("vcpu");

	tcase_add_checked_fixture(host, setup, teardown);
	add_host_tests(host);
	suite_add_tcase(suite, host);
	tcase_add_checked_fixture(vcpu, setup, teardown);
	add_vcpu_tests(vcpu);
	suite_add_tcase(suite, vcpu);
	return suite_run(suite);
}
