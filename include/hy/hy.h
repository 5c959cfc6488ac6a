/* SPDX-License-Identifier: MIT */
/*
 * hy/hy.h - libhy for programs: one interface to the hypervisor of the host.
 *
 *	hy_host   a backend that was found, chosen and opened
 *	  hy_vm     a virtual machine: guest physical memory and vCPUs
 *	    hy_vcpu   a virtual processor, run by one thread
 *
 * Users of this header need no other; register ids of x86 are in <hy/x86.h>.
 *
 * Conventions, for every function that doesn't say otherwise:
 *  - it returns 0 or a negative HY_E_* constant, and then hy_error() tells the
 *    story; it never prints, exits, aborts or installs a signal handler;
 *  - objects come through the last parameter, which is NULL on failure;
 *  - a NULL handle or pointer that is needed is HY_E_INVALID;
 *  - in a child of fork() it fails with HY_E_FORKED for objects made before;
 *    only the functions that free still work there, and only free.  New objects
 *    may be made there if the parent had but one thread, as POSIX has it;
 *  - a `size` member comes first in every options structure: use the
 *    HY_*_OPTIONS_INIT macros, which set it, and zero is every default;
 *  - it doesn't block, other than for a lock that is held briefly;
 *  - it is there since 0.1.
 *
 * Threads: a host and a VM may be used from any thread at any time.  A vCPU
 * belongs to one thread at a time, see hy_vcpu_create().
 */
#ifndef HY_HY_H
#define HY_HY_H

#include <hy/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HY_VERSION_MAJOR 0
#define HY_VERSION_MINOR 1
#define HY_VERSION_PATCH 0

/* The version of the library that runs, as "0.1.0". */
HY_API const char *hy_version(void);

/* --- Errors ------------------------------------------------------------- */

struct hy_error {
	int code;              /* HY_E_*, or 0 when nothing has failed yet */
	int64_t host_code;     /* errno, HRESULT, hv_return_t; 0 where none */
	const char *host_name; /* "EACCES"; "" where there is no host code */
	const char *text;      /* what was tried, on what, and what came of it */
	const char *hint;      /* what helps, often a command; "" where unknown */
};

/*
 * The last failure of a libhy call in the calling thread, to be read right
 * after it.  Never NULL.  The record and its strings last until the thread's
 * next call; only hy_vcpu_kick() always leaves them alone.
 */
HY_API const struct hy_error *hy_error(void);

/* "HY_E_BUSY" for HY_E_BUSY; "HY_E_?" for what is no status.  Static. */
HY_API const char *hy_status_name(int status);

/* --- Logging ------------------------------------------------------------ */

/*
 * Takes one line without a line end.  May be called from any thread that is in
 * a libhy call, must not call libhy, and must not keep `text`.
 */
typedef void (*hy_log_func)(void *data, enum hy_log_level level, const char *text);

/*
 * Sends the library's messages of every level to `log` instead of to standard
 * error, where they go only when HY_DEBUG asks for it.  NULL undoes it.  For
 * the whole process; call it before other threads use libhy.
 */
HY_API void hy_set_log(hy_log_func log, void *data);

/* --- Finding and opening a backend -------------------------------------- */

/* hy_host_options.flags */
#define HY_HOST_IGNORE_ENV 1u /* don't look at HY_BACKEND, HY_BACKEND_PATH... */

/* A backend that is part of the program, and has no file. */
struct hy_own_backend {
	const char *name;        /* as in the table that the entry returns */
	hy_backend_entry *entry; /* see <hy/backend.h> */
};

/*
 * How to choose.  A member that is set beats the environment variable, which
 * beats the default.  In privileged programs (set-user-id and alike) the
 * environment variables are always ignored.
 *
 * `backend` (HY_BACKEND) is a list, separated by commas:
 *	"kvm"		this one and no other
 *	"kvm,vmm"	the first of these that works
 *	"-kvm"		any but this
 *	"auto"		any, best first; also inside a list: "kvm,auto"
 * `path` (HY_BACKEND_PATH) replaces the list of directories that are searched,
 * `path_add` (HY_BACKEND_PATH_ADD) is searched before it.  Directories are
 * absolute and separated by ':' (';' on Windows).
 *
 * `own_backends` are the program's, in an array that ends with { NULL, NULL };
 * only reports and hosts that are made with this option know them.  They are
 * candidates as files are, which `backend` and HY_BACKEND choose among by their
 * names, with two differences: they come before every directory, so that none
 * there of the same name is taken, and their priority isn't cut.  An entry is
 * called once in the process, when its name is first allowed; its code and
 * table must stay for good.  The array itself is needed for the call alone.
 */
struct hy_host_options {
	size_t size;
	uint32_t flags;
	uint32_t reserved;
	const char *backend;
	const char *path;
	const char *path_add;
	const struct hy_own_backend *own_backends;
};
#define HY_HOST_OPTIONS_INIT { sizeof(struct hy_host_options), 0, 0, NULL, NULL, NULL, NULL }

/* How far a candidate came; beyond HY_STAGE_PROBE it is usable. */
enum hy_stage {
	HY_STAGE_SCAN = 1,  /* the file */
	HY_STAGE_LOAD = 2,  /* loading it into the process */
	HY_STAGE_ABI = 3,   /* its table of functions */
	HY_STAGE_PROBE = 4, /* asking it whether the host will do */
	HY_STAGE_OPEN = 5,  /* opening the host */
	HY_STAGE_USABLE = 6 /* nothing failed */
};

/* What is known of one file that may be a backend, or of one that needs none. */
struct hy_candidate {
	const char *name;      /* from the file name, or hy_own_backend.name */
	const char *path;      /* "(program)": one of own_backends; "(built-in)": part of libhy */
	const char *summary;   /* the backend's own line; "" until it was loaded */
	const char *version;   /* its own version; "" until it was loaded */
	uint32_t stage;        /* enum hy_stage: where it failed, or USABLE */
	uint32_t probe_status; /* enum hy_probe_status, at HY_STAGE_PROBE */
	uint32_t priority;     /* among the usable, the higher goes first */
	uint32_t chosen;       /* 1: this is the one hy_host_open took or would try first */
	int64_t host_code;     /* 0 where none */
	const char *reason;    /* why it can't be used; "" where it can */
	const char *hint;      /* what helps; "" where unknown */
};

/* A directory that was searched. */
struct hy_search_dir {
	const char *path;
	const char *origin; /* "built-in", "HY_BACKEND_PATH", "option path" ... */
	const char *reason; /* why it can't be read; "" where it can */
};

struct hy_report;

/*
 * Looks at every backend there is and probes each, without opening one.  Probing
 * has no lasting effect.  May block for as long as the slowest probe.
 *
 * Returns HY_E_INVALID (an option is malformed), HY_E_NOMEM, or HY_E_BUSY
 * (called by a backend out of its own probe).  Finding nothing is no failure.
 */
HY_API int hy_report_create(const struct hy_host_options *options, struct hy_report **report);
HY_API void hy_report_destroy(struct hy_report *report);

/*
 * The parts of a report: candidate or directory `i`, or NULL from the end on.
 * Candidates come in the order of preference, the usable ones first.  They
 * live as long as the report.
 */
HY_API const struct hy_candidate *hy_report_candidate(const struct hy_report *report, size_t i);
HY_API const struct hy_search_dir *hy_report_dir(const struct hy_report *report, size_t i);

struct hy_host;

/*
 * Opens the best usable backend, or the one that was asked for.  Options may
 * be NULL.  When the first choice can't be opened the next is tried, but only
 * among those that `backend` allows.
 *
 * Returns HY_E_INVALID (malformed option or variable), HY_E_NOT_FOUND (a named
 * backend isn't there), HY_E_NO_BACKEND (none is usable; the text of hy_error
 * lists each with its reason and where was searched), HY_E_NOMEM, or HY_E_BUSY
 * (called by a backend out of its own probe or open).
 */
HY_API int hy_host_open(const struct hy_host_options *options, struct hy_host **host);

/* Returns HY_E_BUSY while VMs of it live.  NULL is allowed. */
HY_API int hy_host_close(struct hy_host *host);

/* The candidate that became this host; lives as long as the host. */
HY_API const struct hy_candidate *hy_host_backend(const struct hy_host *host);

/* What hy_host_open saw on its way; lives as long as the host. */
HY_API const struct hy_report *hy_host_report(const struct hy_host *host);

/*
 * Whether this host has a feature, and its limits.  Returns HY_E_INVALID for
 * an id that this libhy doesn't know.
 */
HY_API int hy_host_cap(const struct hy_host *host, uint32_t id, struct hy_cap *cap);

/* "map-memory" for HY_CAP_MAP_MEMORY; NULL for what is no capability. */
HY_API const char *hy_cap_name(uint32_t id);

/* --- Virtual machines; struct hy_vm_options is in <hy/types.h> ------------- */

struct hy_vm;

/*
 * Makes a VM without memory and vCPUs.  Options may be NULL.
 *
 * Returns HY_E_INVALID (option out of range), HY_E_UNSUPPORTED (an option that
 * this host can't honour, by name), HY_E_LIMIT (too many VMs or vCPUs),
 * HY_E_PERMISSION, HY_E_BUSY (another hypervisor holds the processor),
 * HY_E_NOMEM, HY_E_HOST.
 */
HY_API int hy_vm_create(struct hy_host *host, const struct hy_vm_options *options, struct hy_vm **vm);

/*
 * Frees the VM and the memory that hy_vm_alloc_memory gave it.  Returns
 * HY_E_BUSY while vCPUs of it live.  NULL is allowed.
 */
HY_API int hy_vm_destroy(struct hy_vm *vm);

/* --- Guest physical memory ---------------------------------------------- */

/*
 * Addresses and sizes are bytes and multiples of HY_CAP_GRANULE.  Memory may
 * be changed while vCPUs run: no vCPU sees a change half done (where the host
 * can't promise that, the library stops the vCPUs for the moment).
 */

/* Flags of the functions that change memory. */
#define HY_MAP_WEAKEN 1u    /* allow more than `prot` where the host can't enforce it */
#define HY_MAP_NONATOMIC 2u /* don't stop vCPUs: they may see the range unmapped meanwhile */

/*
 * Puts new memory, all zeros, at `gpa`.  Works on every backend.
 *
 * Returns HY_E_INVALID (empty, not a multiple of the granule, wraps round,
 * beyond HY_CAP_GPA_BITS, bad prot or flags), HY_E_OVERLAP (the text names the
 * region in the way), HY_E_UNSUPPORTED (the host can't enforce `prot`, and
 * HY_MAP_WEAKEN isn't given), HY_E_LIMIT (no more pieces with this host),
 * HY_E_NOMEM, HY_E_HOST.
 */
HY_API int hy_vm_alloc_memory(struct hy_vm *vm, uint64_t gpa, uint64_t size, uint32_t prot, uint32_t flags);

/*
 * Maps pages of the program at `gpa`.  `memory` is a multiple of the granule
 * and must stay mapped, readable and writable in this process until it is
 * unmapped here or the VM is destroyed; the caller frees it.
 *
 * Returns as hy_vm_alloc_memory, and HY_E_UNSUPPORTED where the host can't take
 * the program's pages (HY_CAP_MAP_MEMORY).
 */
HY_API int hy_vm_map_memory(struct hy_vm *vm, uint64_t gpa, void *memory, uint64_t size, uint32_t prot,
                            uint32_t flags);

/*
 * Takes a range away; it may be part of a region or cover several, and must be
 * mapped wholly.  Memory of hy_vm_alloc_memory is freed with its last page.
 *
 * Returns HY_E_INVALID, HY_E_UNMAPPED (the text names the first gap; nothing
 * has changed), HY_E_UNSUPPORTED (HY_CAP_PARTIAL_UNMAP), HY_E_LIMIT (cutting a
 * region needs one more piece than the host has), HY_E_NOMEM, HY_E_HOST.
 */
HY_API int hy_vm_unmap_memory(struct hy_vm *vm, uint64_t gpa, uint64_t size, uint32_t flags);

/*
 * Changes what the guest may do with a range, which must be mapped wholly.
 * Returns as hy_vm_unmap_memory, and HY_E_UNSUPPORTED as hy_vm_alloc_memory.
 */
HY_API int hy_vm_protect_memory(struct hy_vm *vm, uint64_t gpa, uint64_t size, uint32_t prot, uint32_t flags);

/*
 * Copies between the program and guest memory; crosses regions, ignores the
 * guest's protection, and copies all or nothing.  Not atomic against a guest
 * or program that writes the same bytes.
 *
 * Returns HY_E_UNMAPPED (the text names the first address that isn't mapped),
 * HY_E_INVALID (wraps round).  A size of 0 is allowed everywhere.
 */
HY_API int hy_vm_read(struct hy_vm *vm, uint64_t gpa, void *data, size_t size);
HY_API int hy_vm_write(struct hy_vm *vm, uint64_t gpa, const void *data, size_t size);

/*
 * Gives the address of guest memory in this process and how many bytes follow
 * it in its region.  Valid until that memory is unmapped; the program sees to
 * it that this doesn't happen meanwhile.  Returns HY_E_UNMAPPED.
 */
HY_API int hy_vm_host_ptr(struct hy_vm *vm, uint64_t gpa, void **ptr, uint64_t *left);

struct hy_region {
	uint64_t gpa;
	uint64_t size;
	uint32_t prot;
	uint32_t reserved;
	void *host;
};

/*
 * Walks the map: gives the first region that ends above `gpa`.  Returns 1, or
 * 0 when there is none, or an error.  Neighbours with equal protection may be
 * one region or several.
 */
HY_API int hy_vm_next_region(struct hy_vm *vm, uint64_t gpa, struct hy_region *region);

/* --- Virtual CPUs ------------------------------------------------------- */

struct hy_vcpu_options {
	size_t size;
	uint32_t id;    /* 0 to vcpus - 1, each once; on x86 also the APIC id */
	uint32_t flags; /* HY_VCPU_* */
};

/*
 * The vCPU gets a thread of the library's own and lives in it, so that any
 * thread of the program may use it, one call at a time: a second one meanwhile
 * is HY_E_BUSY.  For thread pools and language runtimes, which can't say where
 * a call comes from.  Each call costs a change of threads, some microseconds.
 */
#define HY_VCPU_MANAGED 1u

#define HY_VCPU_OPTIONS_INIT { sizeof(struct hy_vcpu_options), 0, 0 }

struct hy_vcpu;

/*
 * Makes a vCPU in its architectural reset state, owned by the calling thread.
 * Options may be NULL: id 0.
 *
 * Only the owner may use it (unless it is HY_VCPU_MANAGED): run, complete, registers, reset and destroy fail
 * with HY_E_THREAD elsewhere, on every backend, since some hosts demand it.
 * A call on a vCPU that is inside another call is HY_E_BUSY.  Kick, ref and
 * unref are for every thread.
 *
 * On KVM the owner thread has hy_vm_options.kick_signal blocked from here on
 * until it destroys its last vCPU; the thread's other signals are as they were.
 * A thread that changes its signal mask later calls hy_vcpu_bind again.
 *
 * Returns HY_E_INVALID (id out of range, unknown flag), HY_E_EXISTS (id taken),
 * HY_E_LIMIT (of the host, also HY_CAP_MAX_VCPUS_PER_THREAD), HY_E_NOMEM, HY_E_HOST.
 */
HY_API int hy_vcpu_create(struct hy_vm *vm, const struct hy_vcpu_options *options, struct hy_vcpu **vcpu);

/*
 * Ends the vCPU.  The handle is freed when no hy_vcpu_ref is left; until then
 * calls on it return HY_E_GONE, and a kick does nothing.  Waits for kicks that
 * are under way in other threads.  NULL is allowed.
 */
HY_API int hy_vcpu_destroy(struct hy_vcpu *vcpu);

/*
 * Keeps the handle (not the vCPU) valid until hy_vcpu_unref; for threads that
 * kick.  Any thread; async-signal-safe is only the kick.
 */
HY_API struct hy_vcpu *hy_vcpu_ref(struct hy_vcpu *vcpu);
HY_API void hy_vcpu_unref(struct hy_vcpu *vcpu);

/*
 * Makes the calling thread the owner.  Returns HY_E_BUSY while the owner is in
 * a call with it, HY_E_UNSUPPORTED where vCPUs can't move (HY_CAP_BIND) or it is
 * a managed one, HY_E_LIMIT (HY_CAP_MAX_VCPUS_PER_THREAD), HY_E_HOST.
 */
HY_API int hy_vcpu_bind(struct hy_vcpu *vcpu);

/*
 * Puts back the architectural reset state (x86: SDM volume 3, table 10-1).  An
 * unfinished access is dropped.  Kicks stay.  Returns HY_E_HOST.
 */
HY_API int hy_vcpu_reset(struct hy_vcpu *vcpu);

/*
 * Runs the guest until something needs the program; blocks until then.  A
 * pending access is finished first, with the answer that the program gave.
 * The exit stays valid until the vCPU is run, completed, reset or destroyed.
 *
 * A failure of this function is one of the library or the host, not of the
 * guest: HY_E_HOST, HY_E_NOMEM, HY_E_ABI.  What the guest does is an exit.
 */
HY_API int hy_vcpu_run(struct hy_vcpu *vcpu, const struct hy_exit **exit);

/*
 * As hy_vcpu_run, but returns HY_EXIT_DEADLINE once hy_now() has passed
 * `deadline`.  A deadline that has passed already only finishes a pending
 * access.  Some microseconds late is usual.
 */
HY_API int hy_vcpu_run_until(struct hy_vcpu *vcpu, uint64_t deadline, const struct hy_exit **exit);

/*
 * Finishes the pending access and stops there, between two instructions.  When
 * the same instruction makes another access, that is `*exit`; else `*exit` is
 * NULL.  Without a pending access it does nothing.  Fails as hy_vcpu_run.
 */
HY_API int hy_vcpu_complete(struct hy_vcpu *vcpu, const struct hy_exit **exit);

/*
 * Where the answer to a pending read goes: hy_exit.data, writable, and its
 * size.  Returns NULL and size 0 when no read is pending.
 */
HY_API void *hy_vcpu_data(struct hy_vcpu *vcpu, size_t *size);

/*
 * Puts `value` in each item of a pending read, cut to the item's size.
 * Returns HY_E_INVALID when no read is pending.
 */
HY_API int hy_vcpu_answer(struct hy_vcpu *vcpu, uint64_t value);

/*
 * Answers a pending MSR exit with a general-protection fault in the guest.
 * Returns HY_E_INVALID when no MSR access is pending.
 */
HY_API int hy_vcpu_refuse(struct hy_vcpu *vcpu);

/* The data of an IO, MMIO or MSR exit as a number: item `i`, zero-extended; 0 beyond the last. */
HY_API uint64_t hy_exit_value(const struct hy_exit *exit, size_t i);

/* "MMIO" for HY_EXIT_MMIO, "?" for what is no kind.  Static. */
HY_API const char *hy_exit_name(uint32_t kind);

/*
 * Makes hy_vcpu_run return HY_EXIT_CANCELED: the run that is under way, or
 * else the next.  One or more kicks give one CANCELED; none is lost and none
 * is left over.  It comes between two instructions: a pending access is
 * finished first, and another exit may come before.
 *
 * Any thread, and any signal handler where HY_CAP_SIGNAL_KICK is there.  Never
 * blocks and never changes hy_error().  HY_E_GONE is not returned: kicking a
 * destroyed vCPU is fine.  Returns HY_E_FORKED, HY_E_INVALID.
 */
HY_API int hy_vcpu_kick(struct hy_vcpu *vcpu);

/* Nanoseconds of the clock that deadlines are in: monotonic, any thread, async-signal-safe. */
HY_API uint64_t hy_now(void);

/* --- Registers ---------------------------------------------------------- */

/*
 * Reads or writes `count` registers in one go, cheaper than one by one.  Ids
 * are in the architecture's header.
 *
 * After a plain IN or OUT exit the general registers may be read (they are as
 * before the instruction) and written (what an IN brings wins in its width);
 * everything else, and everything at other pending exits, is HY_E_PENDING:
 * hosts disagree there.  Complete first.
 *
 * Returns HY_E_INVALID (an id of another architecture, unknown, or read-only;
 * or a value or combination that the processor doesn't allow), HY_E_UNSUPPORTED
 * (a register this backend can't reach), HY_E_PENDING, HY_E_HOST; the text
 * names the register.  When a write fails, registers of other classes than the
 * named one may have been written.
 */
HY_API int hy_vcpu_get_regs(struct hy_vcpu *vcpu, const hy_reg *ids, union hy_value *values, size_t count);
HY_API int hy_vcpu_set_regs(struct hy_vcpu *vcpu, const hy_reg *ids, const union hy_value *values, size_t count);

/*
 * One register of up to 64 bits.  HY_E_INVALID for a wider one, and for a value
 * that is wider than the register.
 */
HY_API int hy_vcpu_get_reg(struct hy_vcpu *vcpu, hy_reg id, uint64_t *value);
HY_API int hy_vcpu_set_reg(struct hy_vcpu *vcpu, hy_reg id, uint64_t value);

/*
 * Writes the name of a register ("rip", "msr 0xc0000080") into `text`, cut to
 * `size`.  Returns HY_E_INVALID where the id names none.
 */
HY_API int hy_reg_name(hy_reg id, char *text, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* HY_HY_H */
