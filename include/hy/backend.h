/* SPDX-License-Identifier: MIT */
/*
 * hy/backend.h - the ABI between libhy and its backends, for their authors.
 *
 * A backend is one shared object, hy-backend-NAME.so (.dll, .dylib), in
 * libhy.pc's `backenddir`.  It exports one function, HY_BACKEND_ENTRY, which
 * returns a constant table of functions (struct hy_backend).  It links nothing
 * of libhy: what it needs from there comes in a table of services.  So the same
 * source can also be a part of a program, which gives the entry to libhy in
 * hy_host_options.own_backends.
 *
 * The division of work: the core checks arguments, threads and ranges, keeps
 * the map of guest memory, the kick protocol and the deadlines, and writes the
 * reset state.  A backend does what its host does, and says what it can't.
 *
 * Rules for every function of the table:
 *  - it never prints, exits, aborts, installs a signal handler without being
 *    asked, or calls libhy other than through the services;
 *  - it returns 0, or reports the failure through services->fail and returns
 *    what that returned; what it began is undone then;
 *  - arguments are valid and checked, pointers last for the call unless said
 *    otherwise; handles and their `priv` last from create to destroy;
 *  - private state (`priv`) is allocated by the core, zeroed, aligned for any
 *    type, and freed by the core after destroy or a failed create;
 *  - no lock of the loader is held; which others are, the function says.
 *
 * Versions: the major number is part of the entry's name and of the plugin
 * directory; a higher minor number only adds members at the end of a struct.
 * The core copies min(size) and treats what is missing as NULL.  A backend
 * looks with HY_SERVICES_HAS before it uses a service newer than minor 0.
 * Until 1.0 the major is 0 and any minor may change anything: core and backend
 * of major 0 must have the same minor.
 */
#ifndef HY_BACKEND_H
#define HY_BACKEND_H

#include <hy/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HY_BACKEND_ABI_MAJOR 0
#define HY_BACKEND_ABI_MINOR 2

/*
 * The name of the one exported function, and the same as a string.  Where
 * several backends are linked into one program each entry has a name of its
 * own: the build defines HY_BACKEND_ENTRY before.
 */
#ifndef HY_BACKEND_ENTRY
#define HY_BACKEND_ENTRY hy_backend_entry_v0
#endif
#define HY_BACKEND_ENTRY_NAME "hy_backend_entry_v0"

/* Put this before the entry's definition: it is the one symbol to export. */
#if defined(_WIN32)
#define HY_BACKEND_EXPORT __declspec(dllexport)
#elif defined(__GNUC__)
#define HY_BACKEND_EXPORT __attribute__((visibility("default")))
#else
#define HY_BACKEND_EXPORT
#endif

struct hy_backend_host;
struct hy_backend_vm;
struct hy_backend_vcpu;

/* --- What the core offers ------------------------------------------------ */

/*
 * Lives as long as the process; any thread may call anything in it, except
 * from vcpu_poke, which must be async-signal-safe.
 */
struct hy_services {
	uint32_t size;
	uint16_t abi_major;
	uint16_t abi_minor;

	/*
	 * Records a failure as the calling thread's hy_error() and returns
	 * `code`.  The text says what was tried and on what, without a line
	 * end; the core adds the backend's name.  `host_code` is the host's own
	 * number or 0; `host_name` its name, or NULL when it is an errno value,
	 * which the core then names and explains.  `hint`: the command or act
	 * that helps, or NULL.  Strings are copied.
	 */
	int (*fail)(int code, int64_t host_code, const char *host_name, const char *hint, const char *format,
	            ...) HY_PRINTF(5, 6);

	/* Writes a line to the library's log; `backend` is the backend's name. */
	void (*message)(enum hy_log_level level, const char *backend, const char *format, ...)
		HY_PRINTF(3, 4);

	/*
	 * Copies from guest memory, all or nothing; returns 0 or HY_E_UNMAPPED
	 * (without recording a failure).  Not from memory_* operations.
	 */
	int (*vm_read)(const struct hy_backend_vm *vm, uint64_t gpa, void *data, size_t size);

	/* Writes the name of a register ("rip") into `text`, cut to `size`, at least 1. */
	void (*reg_name)(hy_reg id, char *text, size_t size);

	/*
	 * Keeps the VM's memory as it is until vm_unlock: what is mapped stays
	 * mapped, with its protection, and at its address.  Several threads may
	 * hold it at a time; who changes memory waits for all of them, so it is
	 * held briefly, never while waiting for anybody, not over a return to
	 * the core, not twice in a thread, and not around vm_read.  Not from
	 * memory_* operations.  Since 0.2.
	 */
	void (*vm_lock)(const struct hy_backend_vm *vm);
	void (*vm_unlock)(const struct hy_backend_vm *vm);

	/*
	 * Finds guest memory, between vm_lock and vm_unlock: the address of the
	 * byte at `gpa` in this process, how many bytes from there on lie in
	 * its region, and the region's HY_PROT_*.  NULL where nothing is
	 * mapped.  `left` and `prot` may be NULL.  Since 0.2.
	 */
	void *(*vm_find)(const struct hy_backend_vm *vm, uint64_t gpa, uint64_t *left, uint32_t *prot);
};

/* Whether the core that gave `services` is new enough to have `member`. */
#define HY_SERVICES_HAS(services, member)                                                          \
	((services)->size >= offsetof(struct hy_services, member) + sizeof((services)->member))

/* --- Handles, as a backend sees them -------------------------------------- */
/* The core allocates them and may add members at their end. */

struct hy_backend_host {
	void *priv; /* hy_backend.host_size bytes */
	const struct hy_services *services;
};

struct hy_backend_vm {
	void *priv; /* hy_backend.vm_size bytes */
	struct hy_backend_host *host;
	/* Complete: no member is left at "default", and all are in range.  The
	 * tables that it points to last as long as the VM. */
	const struct hy_vm_options *options;
};

/* hy_backend_vcpu.requests: why somebody wants the vCPU out of the guest. */
#define HY_REQUEST_KICK 1u
#define HY_REQUEST_DEADLINE 2u
#define HY_REQUEST_PAUSE 4u /* for a change of memory */

struct hy_backend_vcpu {
	void *priv; /* hy_backend.vcpu_size bytes */
	struct hy_backend_vm *vm;
	struct hy_exit *exit; /* to be filled in by vcpu_run and vcpu_complete */
	uint32_t id;

	/*
	 * HY_REQUEST_* bits.  Written by the core, from any thread; a backend
	 * only reads it, with an atomic sequentially consistent load, as
	 * hy_backend_requests does, and never clears a bit.
	 */
	uint32_t requests;

	/*
	 * 1 while vcpu_run is under way, else 0: vcpu_poke may leave out
	 * what only serves to get a running vCPU out.  Atomic, as `requests`.
	 */
	uint32_t running;

	/* 1 when the program refused the pending MSR access (#GP in the guest). */
	uint32_t refused;
};

#if defined(__GNUC__)
/* The one right way to read `requests`.  Since 0.2. */
static inline uint32_t hy_backend_requests(const struct hy_backend_vcpu *vcpu)
{
	return __atomic_load_n(&vcpu->requests, __ATOMIC_SEQ_CST);
}
#endif

/* A piece of guest memory, as it is with the host. */
struct hy_backend_region {
	uint64_t gpa;
	uint64_t size;
	void *host; /* address in this process */
	uint32_t prot;
	uint32_t reserved;
	uint64_t cookie; /* the backend's own: a slot number, for one */
};

/* --- Probing ---------------------------------------------------------------- */

struct hy_probe {
	uint32_t size; /* of what the core has allocated; write no more */
	uint32_t status;   /* enum hy_probe_status */
	int64_t host_code; /* 0 where none */
	char reason[160];  /* one line: what was tried and what came of it */
	char hint[256];    /* what helps; may stay empty */
};

/* --- The table ---------------------------------------------------------------- */

/* vcpu_run and vcpu_complete: the vCPU left the guest without an exit. */
#define HY_RUN_INTERRUPTED 1

/*
 * Required members must be there and not NULL; others may be NULL, which the
 * core reads as "can't" or does itself, as each says.
 */
struct hy_backend {
	/* sizeof(struct hy_backend), and the version that this was built for. */
	uint32_t size;
	uint16_t abi_major;
	uint16_t abi_minor;

	/* The lowest minor of services that will do; more is refused politely. */
	uint32_t min_services_minor;

	/*
	 * Among usable backends the highest is taken first.  100 to 199 for
	 * those of libhy's own directory and those without a file, where
	 * accelerated ones have 150; the core cuts others to 99.  The software CPU has 10: anything is better.
	 */
	uint32_t priority;

	const char *name;    /* as in the file name: a-z 0-9 _ -, at most 32 */
	const char *summary; /* "Linux KVM": one line for a person */
	const char *version; /* the backend's own */
	uint64_t arches;     /* HY_ARCH_BIT(HY_ARCH_*) for each guest architecture */

	/* Bytes of private state that the core allocates with each handle. */
	uint64_t host_size;
	uint64_t vm_size;
	uint64_t vcpu_size;

	/*
	 * probe: says whether this host will do, and if not, why and what helps.
	 * Called: any thread, any time, before open and again later; no locks.
	 * Blocks: no longer than a few milliseconds; leaves nothing behind (no
	 * descriptor, no thread), and wakes no hardware.
	 * Arguments: `probe` is zeroed but for its size.
	 * Returns: nothing; the answer is in `probe`.
	 * Required.  Since 0.1.
	 */
	void (*probe)(struct hy_probe *probe);

	/*
	 * open: makes ready for VMs.
	 * Called: any thread, once per hy_host_open; no locks.
	 * Blocks: may, briefly.
	 * Arguments: `host->priv` is zeroed private state.
	 * Returns: 0, HY_E_PERMISSION, HY_E_UNSUPPORTED, HY_E_NOMEM, HY_E_HOST.
	 * Required.  Since 0.1.
	 */
	int (*open)(struct hy_backend_host *host);

	/*
	 * close: undoes open.
	 * Called: any thread, once, with no VM left; also in a child of fork(),
	 * where it only frees.
	 * Blocks: may, briefly.
	 * Arguments: as given to open.
	 * Returns: nothing.
	 * Required.  Since 0.1.
	 */
	void (*close)(struct hy_backend_host *host);

	/*
	 * cap: says whether the host has a feature, or a limit's value.
	 * Called: any thread, between open and close; no locks.  Not for what is
	 * marked (x86) when `arches` doesn't have it: the core answers then.
	 * Blocks: no longer than a few milliseconds, where it has to try.
	 * Arguments: `cap` is zeroed, that is "absent"; a reason is static text.
	 * Limits are HY_CAP_HOST or HY_CAP_LIBRARY, also with the value 0, "none
	 * known"; HY_CAP_GRANULE must have one.
	 * Returns: 0, also for an id it doesn't know, which it leaves absent.
	 * Required.  Since 0.1.
	 */
	int (*cap)(struct hy_backend_host *host, uint32_t id, struct hy_cap *cap);

	/*
	 * x86_cpuid: gives the CPUID table that the host can give a guest.
	 * Called: any thread, between open and close; no locks.
	 * Blocks: no.
	 * Arguments: `count` is the room in `table`, then the number of lines.
	 * Returns: 0, HY_E_LIMIT (`count` says how many), HY_E_HOST.
	 * Optional: without it the table is the host's business.  Since 0.1.
	 */
	int (*x86_cpuid)(struct hy_backend_host *host, struct hy_x86_cpuid *table, size_t *count);

	/*
	 * vm_create: makes a VM of vm->options, without memory and vCPUs.
	 * Called: any thread; no locks.
	 * Blocks: may, briefly.
	 * Arguments: vm->options and what they point to last until vm_destroy.
	 * Returns: 0, HY_E_UNSUPPORTED (an option, by name), HY_E_INVALID (one
	 * that is the host's own, as kick_signal), HY_E_LIMIT, HY_E_PERMISSION,
	 * HY_E_BUSY, HY_E_NOMEM, HY_E_HOST.
	 * Required.  Since 0.1.
	 */
	int (*vm_create)(struct hy_backend_vm *vm);

	/*
	 * vm_destroy: undoes vm_create, and unmaps what is still mapped.
	 * Called: any thread, once, with no vCPU left; also in a child of fork().
	 * Blocks: may.
	 * Arguments: as given to vm_create.
	 * Returns: nothing.
	 * Required.  Since 0.1.
	 */
	void (*vm_destroy)(struct hy_backend_vm *vm);

	/*
	 * memory_alloc: gives zeroed memory that can be mapped at `gpa`, for
	 * hosts that only take memory of their own.
	 * Called: any thread, one memory_* operation at a time per VM.
	 * Blocks: may.
	 * Arguments: `size` is a multiple of the granule; `host` gets the address.
	 * Returns: 0, HY_E_LIMIT, HY_E_NOMEM, HY_E_HOST.
	 * Optional, together with memory_free: without it the core takes
	 * memory of the process.  Since 0.1.
	 */
	int (*memory_alloc)(struct hy_backend_vm *vm, uint64_t gpa, uint64_t size, void **host);

	/*
	 * memory_free: undoes memory_alloc, for the same whole size.
	 * Called: as memory_alloc, when nothing of it is mapped any more; also
	 * from hy_vm_destroy and in a child of fork().
	 * Blocks: may.
	 * Arguments: as given to and got from memory_alloc.
	 * Returns: nothing.
	 * Optional, together with memory_alloc.  Since 0.1.
	 */
	void (*memory_free)(struct hy_backend_vm *vm, uint64_t gpa, uint64_t size, void *host);

	/*
	 * memory_map: shows a region to the guest.
	 * Called: any thread, one memory_* operation at a time per VM; vCPUs may
	 * be running, and services->vm_lock doesn't keep it away: a backend that
	 * reads its own map in vcpu_run has a lock of its own for it.
	 * Blocks: may, but not for a vCPU that waits for services->vm_read.
	 * Arguments: `region` overlaps no other, and `prot` is one that the
	 * capabilities allow.  It may set region->cookie, which memory_unmap
	 * gets back; the region itself doesn't outlast the call.
	 * Returns: 0, HY_E_LIMIT (no room for one more), HY_E_NOMEM, HY_E_HOST.
	 * Required.  Since 0.1.
	 */
	int (*memory_map)(struct hy_backend_vm *vm, struct hy_backend_region *region);

	/*
	 * memory_unmap: takes a region away, exactly as it was mapped.
	 * Called: as memory_map.  When it returns no vCPU uses the memory.
	 * Blocks: as memory_map.
	 * Arguments: equal to what memory_map had, with its cookie.
	 * Returns: 0, HY_E_HOST; on failure the region is still mapped.
	 * Required.  Since 0.1.
	 */
	int (*memory_unmap)(struct hy_backend_vm *vm, const struct hy_backend_region *region);

	/*
	 * memory_protect: changes the protection of a whole region at once, so
	 * that no running vCPU sees it unmapped.
	 * Called: as memory_map.
	 * Blocks: as memory_map.
	 * Arguments: as memory_unmap, with the old `prot`; the new one beside it.
	 * Returns: 0, HY_E_HOST; on failure the old protection holds.
	 * Optional: without it the core unmaps and maps, vCPUs stopped.  Since 0.1.
	 */
	int (*memory_protect)(struct hy_backend_vm *vm, const struct hy_backend_region *region, uint32_t prot);

	/*
	 * vcpu_create: makes a vCPU that belongs to the calling thread.  The core
	 * calls vcpu_reset and sets every register afterwards.
	 * Called: the owner's thread; several vCPUs of a VM at a time; no locks.
	 * Blocks: may, briefly.
	 * Arguments: vcpu->id is below options->vcpus and not in use; it may have
	 * been before.  What the host keeps of that vCPU until the reset is fine.
	 * Returns: 0, HY_E_EXISTS, HY_E_LIMIT, HY_E_NOMEM, HY_E_HOST.
	 * Required.  Since 0.1.
	 */
	int (*vcpu_create)(struct hy_backend_vcpu *vcpu);

	/*
	 * vcpu_destroy: undoes vcpu_create.
	 * Called: the owner's thread; no vcpu_poke is under way or comes later;
	 * also in a child of fork(), where any thread may and it only frees.
	 * Blocks: may.
	 * Arguments: as given to vcpu_create.
	 * Returns: nothing.
	 * Required.  Since 0.1.
	 */
	void (*vcpu_destroy)(struct hy_backend_vcpu *vcpu);

	/*
	 * vcpu_bind: makes the calling thread the owner.
	 * Called: the new owner's thread (it may be the old one), while no other
	 * operation on the vCPU is under way but vcpu_poke; no locks.
	 * Blocks: no.
	 * Arguments: -
	 * Returns: 0, HY_E_HOST; on failure the old owner stays.
	 * Optional: without it vCPUs can't move.  Since 0.1.
	 */
	int (*vcpu_bind)(struct hy_backend_vcpu *vcpu);

	/*
	 * vcpu_reset: resets the state that has no register id: pending events,
	 * the FPU and vector state, a pending access, which is dropped.  Of a
	 * guest of HY_ARCH_CUSTOM all registers too.
	 * Called: the owner's thread, before the core writes the registers; also
	 * after vcpu_create.
	 * Blocks: no.
	 * Arguments: -
	 * Returns: 0, HY_E_NOMEM, HY_E_HOST.
	 * Optional: without it there is no such state.  Required with
	 * HY_ARCH_CUSTOM in `arches`.  Since 0.1.
	 */
	int (*vcpu_reset)(struct hy_backend_vcpu *vcpu);

	/*
	 * vcpu_run: finishes the pending access, if there is one, with the answer
	 * at exit->data; then runs the guest until something needs the program.
	 *
	 * A vCPU with a request set must not stay in the guest: an operation
	 * first re-arms what vcpu_poke triggers, then loads vcpu->requests, and
	 * when it isn't 0 finishes the pending access and returns.  An access
	 * that follows from finishing is an ordinary exit, requests or not.
	 *
	 * Called: the owner's thread; vcpu->running is 1; vcpu_poke at any time
	 * from any thread; no locks.
	 * Blocks: yes, until an exit or a request.
	 * Arguments: vcpu->exit holds the last exit on entry (its flags say
	 * whether an access is pending) and gets the new one, in which kind,
	 * flags, data, data_size and the kind's own part are set.  `data`
	 * points to memory of the backend that stays until the next run; for
	 * reads it is filled with 0xff.
	 * Returns: 0 with an exit; HY_RUN_INTERRUPTED when a request took it out
	 * (or for no reason at all: the core then runs it again), with no access
	 * pending; HY_E_HOST, HY_E_NOMEM.
	 * Required.  Since 0.1.
	 */
	int (*vcpu_run)(struct hy_backend_vcpu *vcpu);

	/*
	 * vcpu_complete: finishes the pending access and runs no further.
	 * Called: the owner's thread, only when an access is pending; no locks.
	 * Blocks: no.
	 * Arguments: as vcpu_run.
	 * Returns: 0 with the next exit of the same instruction;
	 * HY_RUN_INTERRUPTED when the access is finished; HY_E_HOST, HY_E_NOMEM.
	 * Required.  Since 0.1.
	 */
	int (*vcpu_complete)(struct hy_backend_vcpu *vcpu);

	/*
	 * vcpu_poke: gets the vCPU out of the guest soon.  The core has set the
	 * request already.  A poke that comes when the vCPU isn't in the guest
	 * has no effect beyond one needless HY_RUN_INTERRUPTED.
	 * Called: any thread, also a signal handler where the backend says
	 * HY_CAP_SIGNAL_KICK; several at a time; not before vcpu_create has
	 * returned nor during vcpu_destroy.
	 * Blocks: no, takes no lock, allocates nothing, leaves errno alone.
	 * Arguments: -
	 * Returns: nothing.
	 * Required.  Since 0.1.
	 */
	void (*vcpu_poke)(struct hy_backend_vcpu *vcpu);

	/*
	 * vcpu_get_regs: reads registers.
	 * Called: the owner's thread, the vCPU not in the guest; no locks.
	 * Blocks: no.
	 * Arguments: ids are of the VM's architecture and of a size and class
	 * that the architecture's header has.  `values` is zeroed.
	 * Returns: 0, HY_E_PENDING (not to be had at this unfinished access),
	 * HY_E_UNSUPPORTED (this register, by name), HY_E_INVALID, HY_E_HOST.
	 * Required.  Since 0.1.
	 */
	int (*vcpu_get_regs)(struct hy_backend_vcpu *vcpu, const hy_reg *ids, union hy_value *values,
	                     size_t count);

	/*
	 * vcpu_set_regs: writes registers; they take effect together.
	 * Called: as vcpu_get_regs.
	 * Blocks: no.
	 * Arguments: as vcpu_get_regs.
	 * Returns: as vcpu_get_regs; HY_E_INVALID when the processor doesn't
	 * allow the value or the combination.
	 * Required.  Since 0.1.
	 */
	int (*vcpu_set_regs)(struct hy_backend_vcpu *vcpu, const hy_reg *ids, const union hy_value *values,
	                     size_t count);

	/*
	 * x86_get_xsave: reads the XSAVE image in standard form.
	 * Called: the owner's thread, no access pending; no locks.
	 * Blocks: no.
	 * Arguments: `size` is the room at `image`, then the image's size.
	 * Returns: 0, HY_E_LIMIT (`size` says what is needed), HY_E_HOST.
	 * Optional, together with x86_set_xsave.  Since 0.1.
	 */
	int (*x86_get_xsave)(struct hy_backend_vcpu *vcpu, void *image, size_t *size);

	/*
	 * x86_set_xsave: writes the XSAVE image.
	 * Called: as x86_get_xsave.
	 * Blocks: no.
	 * Arguments: `size` bytes at `image`.
	 * Returns: 0, HY_E_INVALID (wrong size, or reserved bits), HY_E_HOST.
	 * Optional, together with x86_get_xsave.  Since 0.1.
	 */
	int (*x86_set_xsave)(struct hy_backend_vcpu *vcpu, const void *image, size_t size);
};

/*
 * The entry, of type hy_backend_entry: returns the table, constant and static,
 * or NULL when this build of the backend can do nothing at all here.  Called
 * once for each file that is loaded, from any thread; `services` stays valid:
 * the backend keeps the pointer.
 */
HY_BACKEND_EXPORT const struct hy_backend *HY_BACKEND_ENTRY(const struct hy_services *services);

#ifdef __cplusplus
}
#endif

#endif /* HY_BACKEND_H */
