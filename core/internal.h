/* SPDX-License-Identifier: MIT */
/*
 * What the files of core share.  Names: hy_ is public, hy__ internal.  A
 * function that ends in _locked wants the lock that its comment names.
 */
#ifndef HY_CORE_INTERNAL_H
#define HY_CORE_INTERNAL_H

#include <stdarg.h>
#include <stdatomic.h>

#include <hy/backend.h>
#include <hy/hy.h>

#include "os.h"
#include "regions.h"

/* --- error.c: this thread's last failure ---------------------------------- */

/* Record a failure and return `code`.  `hint` may be NULL. */
int hy__fail(int code, const char *hint, const char *format, ...) HY_PRINTF(3, 4);
/* The same with the host's code; a NULL name means that it is an errno value. */
int hy__fail_host(int code, int64_t host_code, const char *host_name, const char *hint, const char *format, ...)
	HY_PRINTF(5, 6);
int hy__fail_nomem(const char *what);
/* While held, the record stays as it is: for undoing what has failed. */
void hy__error_hold(bool hold);
/* Whether it is one of the HY_E_* constants. */
bool hy__is_failure(int status);
/* A record to be taken to another thread: hy__error_size bytes. */
extern const size_t hy__error_size;
void hy__error_save(void *record);
void hy__error_restore(const void *record);

/* --- log.c: HY_DEBUG and hy_set_log --------------------------------------- */

enum hy__topic {
	HY__LOG_ERROR = 1,
	HY__LOG_WARN = 2,
	HY__LOG_INFO = 4,
	HY__LOG_LOAD = 8,
	HY__LOG_PROBE = 16
};
void hy__log(enum hy__topic topic, const char *format, ...) HY_PRINTF(2, 3);

/* --- env.c: the only way to the environment -------------------------------- */

/* NULL when it isn't set, is empty, or the program is privileged. */
const char *hy__getenv(const char *name);

/* --- services.c: what backends get ------------------------------------------ */

extern const struct hy_services hy__services;
/* Names the backend in failures that it reports in this thread; NULL: none. */
const char *hy__enter_backend(const char *name);
void hy__leave_backend(const char *before);

/* --- loader.c: files, modules, candidates ----------------------------------- */

/* A backend that passed every check of its table.  Lives for ever. */
struct hy__module {
	struct hy_backend ops; /* our copy: optional operations filled in; first */
	atomic_uint vms; /* of all its hosts */
};

/* Scans, loads and probes; backs hy_report_create and hy_host_open. */
int hy__report_build(const struct hy_host_options *options, struct hy_report **report);
/* The module of a usable candidate that the choice allows, else NULL. */
const struct hy__module *hy__report_module(const struct hy_report *report, size_t i);
/* Whether HY_BACKEND or the option lets hy_host_open take candidate `i`. */
bool hy__report_allowed(const struct hy_report *report, size_t i);
/* Notes that candidate `i` was opened, or failed to open (from hy_error). */
void hy__report_opened(struct hy_report *report, size_t i);
void hy__report_open_failed(struct hy_report *report, size_t i);
/* Records why hy_host_open found nothing, with the whole story. */
int hy__report_fail(const struct hy_report *report);

/* defaults.c: operations for the optional members that a backend lacks. */
void hy__fill_defaults(struct hy_backend *ops);

/* --- Architectures: x86.c, custom.c, one file each ------------------------------ */

struct hy__arch {
	enum hy_arch id;
	const char *name;   /* for people */
	const char *absent; /* why a capability is absent that only its guests need; NULL: there is none */
	/* Whether an id is one of the architecture's header. */
	bool (*reg_valid)(hy_reg id);
	/* The name of a valid id. */
	void (*reg_name)(hy_reg id, char *text, size_t size);
	/* Checks and fills in the architecture's options of a VM, and copies their tables. */
	int (*complete_options)(struct hy_host *host, struct hy_vm_options *options);
	void (*free_options)(struct hy_vm_options *options);
	/* Writes every register's reset value; owner thread. */
	int (*reset)(struct hy_vcpu *vcpu);
};
extern const struct hy__arch hy__arch_custom;
extern const struct hy__arch hy__arch_x86;
/* NULL for an architecture that the core has no file for. */
const struct hy__arch *hy__arch_find(uint32_t id);

/* Whether the backend has guests of an architecture. */
static inline bool hy__has_arch(const struct hy_backend *ops, uint32_t arch)
{
	return arch < 64 && (ops->arches & HY_ARCH_BIT(arch)) != 0;
}

/* --- Objects ------------------------------------------------------------------ */

struct hy_host {
	const struct hy_backend *ops; /* of its module; first in every object */
	struct hy_backend_host be;
	struct hy_report *report;
	const struct hy_candidate *candidate;
	unsigned generation; /* hy__fork_generation at open */

	/* Capabilities that the core looks at itself. */
	uint64_t granule;
	uint64_t gpa_limit;    /* first address beyond the guest's width; 0: none */
	uint32_t omittable;    /* HY_PROT_* bits that a prot may lack */
	uint32_t max_vcpus;    /* 0: not known */
	uint32_t max_vms;      /* of the backend in this process; 0: not known */
	uint32_t max_per_thread; /* vCPUs; 0: not known */
	bool takes_own_memory; /* HY_CAP_MAP_MEMORY */
	bool atomic_change;

	bool strict; /* HY_STRICT=1: the limits of every host there is */

	atomic_uint vms;
	atomic_bool reset_checked; /* a reset was read back and compared */

	/* Every vCPU, where a thread can't own any number of them. */
	struct hy__mutex vcpus_lock;
	struct hy_vcpu *vcpus; /* linked by host_next; by vcpus_lock */
};

struct hy_vm {
	const struct hy_backend *ops;
	struct hy_backend_vm be;
	struct hy_vm_options options; /* complete; be.options points here */
	const struct hy__arch *arch;
	struct hy_host *host;

	/*
	 * Changes of the map hold `change` throughout, and `lock` for writing
	 * only while they edit `regions`.  Readers take `lock`, also from
	 * inside vcpu_run, so it is never held while waiting for a vCPU.
	 * Memory is freed after its region was taken out: who holds `lock`
	 * (services->vm_lock) may use the addresses that he found.
	 */
	struct hy__mutex change;
	struct hy__rwlock lock;
	struct hy__regions regions; /* by lock */

	/* vCPUs by id; an id is used already while its vCPU is being made. */
	struct hy__mutex vcpus_lock;
	struct hy__cond vcpus_changed; /* one left the guest, or a pause is over */
	struct hy_vcpu **vcpu;         /* options.vcpus of them; by vcpus_lock */
	bool *vcpu_used;               /* as many; by vcpus_lock */
	unsigned vcpu_count;           /* by vcpus_lock */
	bool paused;                   /* by vcpus_lock */
};

struct hy_vcpu {
	const struct hy_backend *ops;
	struct hy_backend_vcpu be;
	struct hy_exit exit;
	struct hy_vm *vm;
	unsigned generation;

	bool is_managed;
	struct hy__managed *managed; /* its own thread, while it has one; for who has entered */

	/*
	 * The owner's hy__thread_self() * 2, HY__ANY_OWNER of a managed one; + 1
	 * while it is in a call; 0: destroyed.
	 */
	_Atomic uint64_t owner;
	atomic_uint references;
	atomic_uint kickers; /* pokes under way */
	atomic_bool alive;   /* false from destroy on: no new pokes */

	/* The deadline that the timer keeps for this vCPU; by the timer's lock. */
	uint64_t deadline;
	struct hy_vcpu *timer_next;

	struct hy_vcpu *host_next;
};

#define HY__ANY_OWNER (UINT64_MAX - 1)

static inline struct hy_vcpu *hy__vcpu(struct hy_backend_vcpu *be)
{
	return (struct hy_vcpu *)((char *)be - offsetof(struct hy_vcpu, be));
}

/* --- host.c, vm.c ---------------------------------------------------------------- */

/*
 * Copies an options structure of the caller's version over our defaults:
 * what is newer than this library must be zero.
 */
int hy__copy_options(void *ours, size_t our_size, const void *theirs, const char *name);
/* Whether the object was made in this process; else fails with HY_E_FORKED. */
int hy__check_fork(unsigned generation);
/* Makes a backend's failure ours: names the backend, and fills in a missing story. */
int hy__backend_failed(const struct hy_backend *ops, int status);

/* --- memory.c ----------------------------------------------------------------------- */

/* Copies without recording a failure: 0, or HY_E_UNMAPPED with the address. */
int hy__vm_copy_out(struct hy_vm *vm, uint64_t gpa, void *data, size_t size, uint64_t *gap);
/* The region that holds `gpa`, or NULL; wants vm->lock. */
const struct hy_backend_region *hy__vm_find_locked(struct hy_vm *vm, uint64_t gpa);
/* Frees regions and backings of a VM that is gone. */
void hy__memory_free(struct hy_vm *vm);

/* --- run.c, managed.c, pause.c, timer.c --------------------------------------------------------- */

/* Takes the vCPU for one call of its owner: 0, or why not. */
int hy__vcpu_enter(struct hy_vcpu *vcpu);
void hy__vcpu_leave(struct hy_vcpu *vcpu);
/* What a call does with the backend, in the thread that the vCPU belongs to. */
typedef int hy__vcpu_job(struct hy_vcpu *vcpu, void *arg);
int hy__managed_do(struct hy_vcpu *vcpu, hy__vcpu_job *job, void *arg);
static inline int hy__vcpu_do(struct hy_vcpu *vcpu, hy__vcpu_job *job, void *arg)
{
	return vcpu->managed ? hy__managed_do(vcpu, job, arg) : job(vcpu, arg);
}
/* Gives the vCPU its own thread, and takes it away. */
int hy__managed_start(struct hy_vcpu *vcpu);
void hy__managed_end(struct hy_vcpu *vcpu);

/* Sets a request and gets the vCPU out of the guest.  Async-signal-safe. */
void hy__vcpu_request(struct hy_vcpu *vcpu, uint32_t request);

/* Takes all vCPUs of a VM out of the guest and keeps them out until resume. */
void hy__vm_pause(struct hy_vm *vm);
void hy__vm_resume(struct hy_vm *vm);
/* A vCPU that left the guest for a pause waits here for its end. */
void hy__vcpu_wait_pause(struct hy_vcpu *vcpu);

/* One thread for all deadlines, alive while hosts are open and one was needed. */
void hy__timer_hold(void);
void hy__timer_release(void);
/* Requests DEADLINE of the vCPU at `deadline`, until disarmed.  HY_E_NOMEM without a thread. */
int hy__timer_arm(struct hy_vcpu *vcpu, uint64_t deadline);
void hy__timer_disarm(struct hy_vcpu *vcpu);

#endif /* HY_CORE_INTERNAL_H */
