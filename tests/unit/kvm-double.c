/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kvm-double.h"

/* --- The core in miniature -------------------------------------------------- */

struct kvm_failure kvm_failure;

HY_PRINTF(5, 6)
static int rig_fail(int code, int64_t host_code, const char *host_name, const char *hint,
                    const char *format, ...)
{
	va_list args;

	(void)host_name;
	kvm_failure.code = code;
	kvm_failure.host_code = host_code;
	snprintf(kvm_failure.hint, sizeof(kvm_failure.hint), "%s", hint ? hint : "");
	va_start(args, format);
	vsnprintf(kvm_failure.text, sizeof(kvm_failure.text), format, args);
	va_end(args);
	return code;
}

HY_PRINTF(3, 4)
static void rig_message(enum hy_log_level level, const char *backend, const char *format, ...)
{
	(void)level;
	(void)backend;
	(void)format;
}

static const struct hy_backend_region *find_region(const struct kvm_rig *rig, uint64_t gpa)
{
	for (size_t i = 0; i < rig->regions; i++)
		if (gpa - rig->region[i].gpa < rig->region[i].size)
			return &rig->region[i];
	return NULL;
}

int kvm_rig_locks, kvm_rig_most_locks;

static void rig_vm_lock(const struct hy_backend_vm *vm)
{
	(void)vm;
	if (++kvm_rig_locks > kvm_rig_most_locks)
		kvm_rig_most_locks = kvm_rig_locks;
}

static void rig_vm_unlock(const struct hy_backend_vm *vm)
{
	(void)vm;
	kvm_rig_locks--;
}

static int rig_vm_read(const struct hy_backend_vm *vm, uint64_t gpa, void *data, size_t size)
{
	const struct kvm_rig *rig =
		(const struct kvm_rig *)(const void *)((const char *)vm - offsetof(struct kvm_rig, vm));

	int status = 0;

	rig_vm_lock(vm);
	for (size_t i = 0; i < size && !status; i++) {
		const struct hy_backend_region *r = find_region(rig, gpa + i);

		if (r)
			((uint8_t *)data)[i] = ((const uint8_t *)r->host)[gpa + i - r->gpa];
		else
			status = HY_E_UNMAPPED;
	}
	rig_vm_unlock(vm);
	return status;
}

static void *rig_vm_find(const struct hy_backend_vm *vm, uint64_t gpa, uint64_t *left, uint32_t *prot)
{
	const struct kvm_rig *rig =
		(const struct kvm_rig *)(const void *)((const char *)vm - offsetof(struct kvm_rig, vm));
	const struct hy_backend_region *r = find_region(rig, gpa);

	if (!r)
		return NULL;
	if (left)
		*left = r->size - (gpa - r->gpa);
	if (prot)
		*prot = r->prot;
	return (char *)r->host + (gpa - r->gpa);
}

static void rig_reg_name(hy_reg id, char *text, size_t size)
{
	snprintf(text, size, "register %#llx", (unsigned long long)id);
}

static const struct hy_services services = {
	.size = sizeof(struct hy_services),
	.abi_major = HY_BACKEND_ABI_MAJOR,
	.abi_minor = HY_BACKEND_ABI_MINOR,
	.fail = rig_fail,
	.message = rig_message,
	.vm_read = rig_vm_read,
	.reg_name = rig_reg_name,
	.vm_lock = rig_vm_lock,
	.vm_unlock = rig_vm_unlock,
	.vm_find = rig_vm_find,
};

int kvm_rig_open(struct kvm_rig *rig)
{
	int r;

	kvm_failure.code = 0;
	rig->ops = HY_BACKEND_ENTRY(&services);
	rig->host.services = &services;
	rig->host.priv = calloc(1, rig->ops->host_size);
	r = rig->ops->open(&rig->host);
	rig->host_open = r == 0;
	return r;
}

int kvm_rig_vm(struct kvm_rig *rig)
{
	size_t count = sizeof(rig->cpuid) / sizeof(rig->cpuid[0]);
	int r = rig->ops->x86_cpuid(&rig->host, rig->cpuid, &count);

	if (r)
		return r;
	rig->options.size = sizeof(rig->options);
	rig->options.arch = HY_ARCH_X86_64;
	if (!rig->options.vcpus)
		rig->options.vcpus = 4;
	if (!rig->options.kick_signal)
		rig->options.kick_signal = SIGURG;
	rig->options.x86_cpuid = rig->cpuid;
	rig->options.x86_cpuid_count = count;
	rig->vm.host = &rig->host;
	rig->vm.options = &rig->options;
	free(rig->vm.priv);
	rig->vm.priv = calloc(1, rig->ops->vm_size);
	r = rig->ops->vm_create(&rig->vm);
	rig->vm_made = r == 0;
	return r;
}

int kvm_rig_map(struct kvm_rig *rig, uint64_t gpa, void *host, uint64_t size, uint32_t prot)
{
	struct hy_backend_region *region = &rig->region[rig->regions];
	int r;

	memset(region, 0, sizeof(*region));
	region->gpa = gpa;
	region->size = size;
	region->host = host;
	region->prot = prot;
	r = rig->ops->memory_map(&rig->vm, region);
	rig->regions += r == 0;
	return r;
}

int kvm_rig_vcpu(struct kvm_rig *rig)
{
	int r;

	rig->vcpu.vm = &rig->vm;
	rig->vcpu.exit = &rig->exit;
	rig->vcpu.requests = 0;
	free(rig->vcpu.priv);
	rig->vcpu.priv = calloc(1, rig->ops->vcpu_size);
	r = rig->ops->vcpu_create(&rig->vcpu);
	rig->vcpu_made = r == 0;
	return r ? r : rig->ops->vcpu_reset(&rig->vcpu);
}

void kvm_rig_drop_vcpu(struct kvm_rig *rig)
{
	if (rig->vcpu_made)
		rig->ops->vcpu_destroy(&rig->vcpu);
	rig->vcpu_made = false;
}

void kvm_rig_close(struct kvm_rig *rig)
{
	kvm_rig_drop_vcpu(rig);
	if (rig->vm_made)
		rig->ops->vm_destroy(&rig->vm);
	if (rig->host_open)
		rig->ops->close(&rig->host);
	free(rig->vcpu.priv);
	free(rig->vm.priv);
	free(rig->host.priv);
	memset(rig, 0, sizeof(*rig));
}

int kvm_rig_run(struct kvm_rig *rig)
{
	int r;

	__atomic_store_n(&rig->vcpu.running, 1, __ATOMIC_SEQ_CST);
	r = rig->ops->vcpu_run(&rig->vcpu);
	__atomic_store_n(&rig->vcpu.running, 0, __ATOMIC_SEQ_CST);
	return r;
}

int kvm_rig_complete(struct kvm_rig *rig)
{
	return rig->ops->vcpu_complete(&rig->vcpu);
}

int kvm_rig_get(struct kvm_rig *rig, hy_reg id, uint64_t *value)
{
	union hy_value v = { .u128 = { 0, 0 } };
	int r = rig->ops->vcpu_get_regs(&rig->vcpu, &id, &v, 1);

	*value = v.u64;
	return r;
}

int kvm_rig_set(struct kvm_rig *rig, hy_reg id, uint64_t value)
{
	union hy_value v = { .u128 = { value, 0 } };

	return rig->ops->vcpu_set_regs(&rig->vcpu, &id, &v, 1);
}

/* --- The stand-in for the kernel ---------------------------------------------- */

struct kvm_double kvm_double;

#define FIRST_FD 100

static void *the_run;

/* Whether this call is the one to fail. */
static bool fails(void)
{
	return ++kvm_double.calls == kvm_double.fail_at;
}

static int new_fd(void)
{
	return FIRST_FD + kvm_double.fds++;
}

static int double_open(const char *path, int flags)
{
	(void)path;
	(void)flags;
	if (fails())
		return -kvm_double.fail_with;
	return kvm_double.open_error ? -kvm_double.open_error : new_fd();
}

static void double_close(int fd)
{
	(void)fd;
	kvm_double.fds--;
}

static int check_extension(unsigned long cap)
{
	if (cap == kvm_double.missing_cap)
		return 0;
	switch (cap) {
	case KVM_CAP_SYNC_REGS:
		return 7;
	case KVM_CAP_NR_MEMSLOTS:
		return 32764;
	case KVM_CAP_MAX_VCPUS:
		return 1024;
	case KVM_CAP_XSAVE2:
		return kvm_double.xsave_size;
	default:
		return 1;
	}
}

#define LEAF_XSAVE 0xd

/* Leaves 0 to 16, with all features of leaf 1, and three of the other ranges. */
static int get_cpuid(struct kvm_cpuid2 *table)
{
	if (table->nent < kvm_double.cpuid_lines)
		return -E2BIG;
	table->nent = kvm_double.cpuid_lines;
	for (uint32_t i = 0; i < table->nent; i++) {
		table->entries[i].function = i;
		table->entries[i].ebx = 0x7f000000;
		table->entries[i].ecx = 0xffffffff;
		table->entries[i].edx = i == 1 ? 0xffffffff : 0;
	}
	table->entries[LEAF_XSAVE].eax = 0xe7;
	table->entries[table->nent - 3].function = 0x80000001;
	table->entries[table->nent - 3].edx = 0xffffffff;
	table->entries[table->nent - 2].function = 0x40000000;
	table->entries[table->nent - 1].function = 0x80000008;
	table->entries[table->nent - 1].eax = 0x3027;
	return 0;
}

static int set_cpuid(const struct kvm_cpuid2 *table)
{
	kvm_double.cpuid_set = table->nent;
	for (uint32_t i = 0; i < table->nent; i++)
		if (table->entries[i].function == 1)
			kvm_double.apic_id = table->entries[i].ebx >> 24;
	return 0;
}

static void copy_msr(struct kvm_msr_entry *entry, bool write)
{
	uint32_t n = entry->index - KVM_DOUBLE_MSR_FIRST;

	if (n < KVM_DOUBLE_MSRS && write)
		kvm_double.msr[n] = entry->data;
	else if (!write)
		entry->data = n < KVM_DOUBLE_MSRS ? kvm_double.msr[n] : 0;
}

static int msrs(struct kvm_msrs *list, bool write)
{
	for (uint32_t i = 0; i < list->nmsrs; i++) {
		if (list->entries[i].index == kvm_double.bad_msr)
			return (int)i;
		if (write && list->entries[i].index == kvm_double.full_msr)
			return (int)i;
		copy_msr(&list->entries[i], write);
	}
	return (int)list->nmsrs;
}

static int create_vm(void)
{
	if (kvm_double.create_vm_interrupts > 0) {
		kvm_double.create_vm_interrupts--;
		return -EINTR;
	}
	return new_fd();
}

static int run_guest(void)
{
	struct kvm_run *run = the_run;
	int r;

	kvm_double.runs++;
	if (run->kvm_dirty_regs & KVM_SYNC_X86_REGS)
		kvm_double.regs = run->s.regs.regs;
	if (run->kvm_dirty_regs & KVM_SYNC_X86_EVENTS) {
		kvm_double.events = run->s.regs.events;
		kvm_double.events_set++;
	}
	run->kvm_dirty_regs = 0;
	memset(&run->s.regs.events.exception, 0, sizeof(run->s.regs.events.exception));
	r = run->immediate_exit || !kvm_double.guest ? -EINTR : kvm_double.guest(run);
	run->s.regs.regs = kvm_double.regs;
	if (run->kvm_valid_regs & KVM_SYNC_X86_SREGS)
		run->s.regs.sregs = kvm_double.sregs;
	return r;
}

#define COPY(to, from) (memcpy((to), (from), sizeof(*(to))), 0)

static int vcpu_ioctl(unsigned long request, void *arg)
{
	struct kvm_translation *t = arg;

	switch (request) {
	case KVM_RUN:
		return run_guest();
	case KVM_SET_CPUID2:
		return set_cpuid(arg);
	case KVM_SET_SIGNAL_MASK:
		memcpy(&kvm_double.run_mask, (uint8_t *)arg + sizeof(struct kvm_signal_mask), 8);
		return 0;
	case KVM_GET_REGS:
		return COPY((struct kvm_regs *)arg, &kvm_double.regs);
	case KVM_GET_SREGS:
		return COPY((struct kvm_sregs *)arg, &kvm_double.sregs);
	case KVM_SET_SREGS:
		return COPY(&kvm_double.sregs, arg);
	case KVM_GET_DEBUGREGS:
		return COPY((struct kvm_debugregs *)arg, &kvm_double.debug);
	case KVM_SET_DEBUGREGS:
		return COPY(&kvm_double.debug, arg);
	case KVM_GET_XCRS:
		return COPY((struct kvm_xcrs *)arg, &kvm_double.xcrs);
	case KVM_SET_XCRS:
		return COPY(&kvm_double.xcrs, arg);
	case KVM_GET_MSRS:
		return msrs(arg, false);
	case KVM_SET_MSRS:
		return msrs(arg, true);
	case KVM_GET_XSAVE:
		memcpy(arg, kvm_double.xsave, 4096);
		return 0;
	case KVM_GET_XSAVE2:
		memcpy(arg, kvm_double.xsave, (size_t)kvm_double.xsave_size);
		return 0;
	case KVM_SET_XSAVE:
		memcpy(kvm_double.xsave, arg,
		       kvm_double.xsave_size > 4096 ? (size_t)kvm_double.xsave_size : 4096);
		return 0;
	case KVM_SET_VCPU_EVENTS:
		return 0;
	case KVM_TRANSLATE:
		t->physical_address = t->linear_address;
		t->valid = 1;
		return 0;
	default:
		return -ENOTTY;
	}
}

static int vm_ioctl(unsigned long request, void *arg)
{
	switch (request) {
	case KVM_ENABLE_CAP:
	case KVM_SET_IDENTITY_MAP_ADDR:
	case KVM_SET_TSS_ADDR:
		return 0;
	case KVM_X86_SET_MSR_FILTER:
		return COPY(&kvm_double.filter, arg);
	case KVM_SET_USER_MEMORY_REGION:
		kvm_double.last_slot = ((struct kvm_userspace_memory_region *)arg)->slot;
		return 0;
	case KVM_CREATE_VCPU:
		return new_fd();
	default:
		return vcpu_ioctl(request, arg);
	}
}

static int double_ioctl(int fd, unsigned long request, void *arg)
{
	(void)fd;
	if (fails())
		return -kvm_double.fail_with;
	if (kvm_double.bad_request && request == kvm_double.bad_request)
		return -kvm_double.bad_error;
	switch (request) {
	case KVM_GET_API_VERSION:
		return kvm_double.api_version;
	case KVM_CHECK_EXTENSION:
		return check_extension((unsigned long)arg);
	case KVM_GET_VCPU_MMAP_SIZE:
		return KVM_DOUBLE_RUN_SIZE;
	case KVM_GET_SUPPORTED_CPUID:
		return get_cpuid(arg);
	case KVM_CREATE_VM:
		return create_vm();
	default:
		return vm_ioctl(request, arg);
	}
}

static int double_map(int fd, size_t size, void **addr)
{
	(void)fd;
	if (fails())
		return -kvm_double.fail_with;
	the_run = calloc(1, size);
	*addr = the_run;
	kvm_double.maps++;
	return 0;
}

static int double_map_pages(size_t size, void **addr)
{
	if (fails())
		return -kvm_double.fail_with;
	*addr = calloc(1, size);
	kvm_double.maps++;
	return 0;
}

static void double_unmap(void *addr, size_t size)
{
	(void)size;
	free(addr);
	kvm_double.maps--;
}

static pid_t double_getpid(void)
{
	return 1;
}

static pid_t double_gettid(void)
{
	return kvm_double.tid;
}

static int double_tgkill(pid_t pid, pid_t tid, int signal)
{
	(void)pid;
	(void)tid;
	(void)signal;
	kvm_double.pending++;
	return 0;
}

static int double_mask_signals(int how, const sigset_t *set, sigset_t *before)
{
	(void)set;
	if (fails())
		return -kvm_double.fail_with;
	if (before) {
		sigemptyset(before);
		if (kvm_double.blocked)
			sigaddset(before, SIGURG);
	}
	kvm_double.blocked = how == SIG_BLOCK;
	return 0;
}

static int double_take_signal(const sigset_t *set)
{
	(void)set;
	if (!kvm_double.pending)
		return -EAGAIN;
	kvm_double.pending--;
	return SIGURG;
}

static int double_read_file(const char *path, char *text, size_t size)
{
	const char *from = NULL;

	if (!strcmp(path, "/proc/cpuinfo"))
		from = kvm_double.cpuinfo;
	else if (!strcmp(path, "/proc/version"))
		from = kvm_double.version;
	else if (strstr(path, "unrestricted_guest"))
		from = kvm_double.unrestricted_guest;
	return from ? snprintf(text, size, "%s", from) : -ENOENT;
}

static bool double_exists(const char *path)
{
	return kvm_double.in_docker && !strcmp(path, "/.dockerenv");
}

static int double_stat_node(const char *path, struct kvm_node *node)
{
	(void)path;
	*node = kvm_double.node;
	return 0;
}

static void double_user_name(uid_t uid, char *name, size_t size)
{
	snprintf(name, size, "%s", uid ? "alice" : "root");
}

static void double_group_name(gid_t gid, char *name, size_t size)
{
	snprintf(name, size, "%s", gid ? "kvm" : "root");
}

static uid_t double_geteuid(void)
{
	return 1000;
}

static size_t double_page_size(void)
{
	return 4096;
}

const struct kvm_sys kvm_sys_double = {
	.open = double_open,
	.close = double_close,
	.ioctl = double_ioctl,
	.map = double_map,
	.map_pages = double_map_pages,
	.unmap = double_unmap,
	.getpid = double_getpid,
	.gettid = double_gettid,
	.tgkill = double_tgkill,
	.mask_signals = double_mask_signals,
	.take_signal = double_take_signal,
	.read_file = double_read_file,
	.exists = double_exists,
	.stat_node = double_stat_node,
	.user_name = double_user_name,
	.group_name = double_group_name,
	.geteuid = double_geteuid,
	.page_size = double_page_size,
};

void kvm_double_reset(void)
{
	memset(&kvm_double, 0, sizeof(kvm_double));
	kvm_double.api_version = 12;
	kvm_double.xsave_size = 4096;
	kvm_double.cpuid_lines = 20;
	kvm_double.bad_msr = kvm_double.full_msr = UINT32_MAX;
	kvm_double.tid = 1;
	kvm_double.cpuinfo = "vendor_id\t: GenuineIntel\nflags\t\t: fpu vmx sse\n";
	kvm_double.version = "Linux version 6.1.0";
	kvm_sys = &kvm_sys_double;
	kvm_failure.code = 0;
}
