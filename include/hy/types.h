/* SPDX-License-Identifier: MIT */
/*
 * hy/types.h - what programs and backends both speak: error codes, memory
 * protection, capabilities, register ids and values, the exit record.
 *
 * Programs include <hy/hy.h>, authors of backends <hy/backend.h>; both bring
 * this header along.  Nothing here belongs to one architecture or one host;
 * register ids and constants of x86 are in <hy/x86.h>.
 *
 * Everything is "Since 0.1" unless it says otherwise.
 */
#ifndef HY_TYPES_H
#define HY_TYPES_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Marks the functions that libhy exports. */
#if defined(HY_BUILD) && defined(_WIN32)
#define HY_API __declspec(dllexport)
#elif defined(HY_BUILD) && defined(__GNUC__)
#define HY_API __attribute__((visibility("default")))
#else
#define HY_API
#endif

/* Lets the compiler check a printf-like function's arguments. */
#if defined(__GNUC__)
#define HY_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
#else
#define HY_PRINTF(format_index, first_arg)
#endif

/* --- Backends ----------------------------------------------------------- */

struct hy_backend;
struct hy_services;

/*
 * A backend's entry: what its file exports, and what a program hands over that
 * has a backend of its own.  <hy/backend.h> says what it does.
 */
typedef const struct hy_backend *hy_backend_entry(const struct hy_services *services);

/* --- Errors ------------------------------------------------------------- */

/*
 * Every function that can fail returns 0 or one of these; they are negative
 * and never change their value.  hy_error() in <hy/hy.h> has the story.
 */
enum hy_status {
	HY_OK = 0,
	HY_E_INVALID = -1,     /* an argument is wrong; the text says which */
	HY_E_NOMEM = -2,       /* out of memory, or of another host resource */
	HY_E_UNSUPPORTED = -3, /* this backend or host can't do it */
	HY_E_NOT_FOUND = -4,   /* no backend of that name */
	HY_E_NO_BACKEND = -5,  /* backends were found, but none is usable */
	HY_E_PERMISSION = -6,  /* the host refuses this user or program */
	HY_E_BUSY = -7,        /* in use: has live children, runs, or re-entered */
	HY_E_LIMIT = -8,       /* a limit of the host or of the VM is reached */
	HY_E_OVERLAP = -9,     /* the range meets memory that is already mapped */
	HY_E_UNMAPPED = -10,   /* part of the range isn't mapped guest memory */
	HY_E_THREAD = -11,     /* the vCPU belongs to another thread */
	HY_E_PENDING = -12,    /* an access is unfinished: complete it first */
	HY_E_FORKED = -13,     /* the object was made before fork(); only free it */
	HY_E_HOST = -14,       /* a call of the host failed: see the host code */
	HY_E_EXISTS = -15,     /* the vCPU id is taken */
	HY_E_ABI = -16,        /* the plugin broke the backend ABI */
	HY_E_GONE = -17        /* the vCPU was destroyed; only a reference is left */
};

/* --- Architectures ------------------------------------------------------ */

enum hy_arch {
	HY_ARCH_X86_64 = 1,
	HY_ARCH_ARM64 = 2,

	/*
	 * One that libhy has no header for: what registers there are and what a
	 * reset does is between the backend and its programs.  Since 0.2.
	 */
	HY_ARCH_CUSTOM = 63
};

/* The bit of an architecture in a set of them. */
#define HY_ARCH_BIT(arch) (UINT64_C(1) << (arch))

/* --- Logging ------------------------------------------------------------ */

enum hy_log_level {
	HY_LOG_ERROR = 1,
	HY_LOG_WARN = 2,
	HY_LOG_INFO = 3,
	HY_LOG_DEBUG = 4
};

/* --- What stands between a backend and its host --------------------------- */

enum hy_probe_status {
	HY_PROBE_OK = 0,
	HY_PROBE_NO_DEVICE = 1,     /* the host's interface isn't there */
	HY_PROBE_NO_PERMISSION = 2, /* it is, but not for this user or program */
	HY_PROBE_BUSY = 3,          /* another hypervisor has it */
	HY_PROBE_DISABLED = 4,      /* switched off in firmware or the OS */
	HY_PROBE_TOO_OLD = 5,       /* the host lacks what libhy needs */
	HY_PROBE_UNSUPPORTED_CPU = 6,
	HY_PROBE_ERROR = 7 /* anything else: see the reason */
};

/* --- Guest memory ------------------------------------------------------- */

/*
 * What the guest may do with a page.  Read-only memory is an ordinary kind of
 * memory: a guest write to it is an MMIO exit, as on an unmapped address.
 */
enum hy_prot {
	HY_PROT_READ = 1,
	HY_PROT_WRITE = 2,
	HY_PROT_EXEC = 4,
	HY_PROT_RX = 5,
	HY_PROT_RWX = 7
};

/* --- Capabilities ------------------------------------------------------- */

/* Who does a thing: the host, the library on its behalf, or nobody. */
enum hy_cap_how {
	HY_CAP_ABSENT = 0, /* hy_cap.reason says why */
	HY_CAP_HOST = 1,
	HY_CAP_LIBRARY = 2
};

enum hy_cap_id {
	/* Features. */
	HY_CAP_MAP_MEMORY = 1,     /* map the program's own pages (hy_vm_map_memory) */
	HY_CAP_READ_ONLY = 2,      /* memory without HY_PROT_WRITE */
	HY_CAP_NO_EXECUTE = 3,     /* memory without HY_PROT_EXEC */
	HY_CAP_NO_READ = 4,        /* memory without HY_PROT_READ */
	HY_CAP_PARTIAL_UNMAP = 5,  /* unmap a part of a region */
	HY_CAP_PROTECT = 6,        /* change the protection of mapped memory */
	HY_CAP_ATOMIC_CHANGE = 7,  /* no running vCPU sees a map change half done */
	HY_CAP_DEADLINE = 8,       /* hy_vcpu_run_until */
	HY_CAP_SIGNAL_KICK = 9,    /* hy_vcpu_kick from a signal handler */
	HY_CAP_BIND = 10,          /* move a vCPU to another thread */
	HY_CAP_HALT_EXIT = 11,     /* HALT exits */
	HY_CAP_MSR_EXIT = 12,      /* MSR exits (x86) */
	HY_CAP_CPUID = 13,         /* the program chooses the CPUID table (x86) */
	HY_CAP_XSAVE = 14,         /* FPU and vector state as an XSAVE image (x86) */
	HY_CAP_MMIO_EXOTIC = 15,   /* MMIO by the rare forms, see hy_exit.mmio (x86) */
	HY_CAP_PAGING32 = 16,      /* paging outside of long mode (x86) */
	HY_CAP_USER_CALLS = 17,    /* SYSCALL and INT n from the guest's user mode (x86) */

	/* Limits: hy_cap.value has the number, 0 where none is known. */
	HY_CAP_MAX_VMS = 64,              /* VMs in this process */
	HY_CAP_MAX_VCPUS = 65,            /* vCPUs in a VM */
	HY_CAP_MAX_VCPUS_PER_THREAD = 66, /* vCPUs that one thread can own */
	HY_CAP_MAX_REGIONS = 67,          /* pieces of memory with the host */
	HY_CAP_GRANULE = 68,              /* bytes; maps are multiples of it */
	HY_CAP_GPA_BITS = 69              /* width of a guest physical address */
};

struct hy_cap {
	uint32_t how; /* enum hy_cap_how */
	uint32_t reserved;
	uint64_t value;     /* limits: the number; features: 0 */
	const char *reason; /* why it is absent, or who does it; may be NULL.
	                     * Lives as long as the host does. */
};

/* --- Registers ---------------------------------------------------------- */

/*
 * A register id carries its architecture, its size and its place:
 *
 *	63      56 55      48 47      40 39  32 31                    0
 *	+---------+----------+----------+------+----------------------+
 *	| arch    | size     | class    | 0    | index                |
 *	+---------+----------+----------+------+----------------------+
 *
 * `arch` is an enum hy_arch; `size` counts bytes (1 to 16); class and index
 * are the architecture's own business, see <hy/x86.h>; of HY_ARCH_CUSTOM they
 * are the backend's.
 */
typedef uint64_t hy_reg;

#define HY_REG(arch, size, cls, index)                                         \
	(((uint64_t)(arch) << 56) | ((uint64_t)(size) << 48) |                 \
	 ((uint64_t)(cls) << 40) | (uint64_t)(uint32_t)(index))
#define HY_REG_ARCH(id) ((uint32_t)((uint64_t)(id) >> 56))
#define HY_REG_SIZE(id) ((uint32_t)((uint64_t)(id) >> 48 & 0xff))
#define HY_REG_CLASS(id) ((uint32_t)((uint64_t)(id) >> 40 & 0xff))
#define HY_REG_INDEX(id) ((uint32_t)(uint64_t)(id))

/*
 * A segment or descriptor-table register with its hidden part.  A table
 * register has base and limit only.  For the attributes of x86 see
 * HY_X86_SEG_* in <hy/x86.h>.
 */
struct hy_segment {
	uint64_t base;
	uint32_t limit; /* in bytes, as the processor holds it: 0xffffffff for 4 GiB */
	uint16_t selector;
	uint16_t attributes;
};

/* Any register's value.  Reading fills the unused bytes with zeros. */
union hy_value {
	uint64_t u64;
	uint32_t u32;
	uint16_t u16;
	uint8_t u8;
	uint64_t u128[2]; /* vectors: low half first */
	uint8_t bytes[16];
	struct hy_segment segment;
};

/* --- Virtual machines --------------------------------------------------- */

struct hy_x86_cpuid;     /* <hy/x86.h> */
struct hy_x86_msr_range; /* <hy/x86.h> */

/*
 * A VM's options are complete at creation: some hosts need them then.
 *
 * `vcpus` is the most that will be created, `memory` the most bytes of guest
 * memory there will be at once (a promise that some hosts need; 0: no promise).
 */
struct hy_vm_options {
	size_t size;
	uint32_t arch;       /* enum hy_arch; 0: the backend's first */
	uint32_t vcpus;      /* 0: 1 */
	uint64_t memory;     /* bytes; 0: not known */
	int32_t kick_signal; /* KVM: the signal that a kick uses; 0: SIGURG.  See hy_vcpu_create */
	uint32_t flags;      /* none yet: 0 */

	/* x86: the CPUID table, copied; NULL: what the host supports (hy_x86_host_cpuid). */
	const struct hy_x86_cpuid *x86_cpuid;
	size_t x86_cpuid_count;

	/* x86: MSRs whose accesses are exits, copied; others are the host's business. */
	const struct hy_x86_msr_range *x86_msr_exits;
	size_t x86_msr_exit_count;
};
#define HY_VM_OPTIONS_INIT { sizeof(struct hy_vm_options), 0, 0, 0, 0, 0, NULL, 0, NULL, 0 }

/* --- Exits -------------------------------------------------------------- */

enum hy_exit_kind {
	HY_EXIT_NONE = 0,     /* never given to a program */
	HY_EXIT_IO = 1,       /* port access; pending */
	HY_EXIT_MMIO = 2,     /* access outside memory, or write to read-only; pending */
	HY_EXIT_HALT = 3,     /* HLT; the instruction pointer is past it */
	HY_EXIT_SHUTDOWN = 4, /* triple fault */
	HY_EXIT_SYSTEM = 5,   /* reset or power-off asked through firmware */
	HY_EXIT_CANCELED = 6, /* hy_vcpu_kick; between two instructions */
	HY_EXIT_DEADLINE = 7, /* the time of hy_vcpu_run_until is over */
	HY_EXIT_MSR = 8,      /* access to an MSR the program asked for; pending */
	HY_EXIT_FAULT = 9,    /* the guest can't go on; says what and where */
	HY_EXIT_UNKNOWN = 10  /* the host said something libhy has no word for */
};

/* hy_exit.flags */
#define HY_EXIT_PENDING 1u /* an access is unfinished: run on, or complete it */

/* hy_exit.fault.reason */
enum hy_fault_reason {
	HY_FAULT_EMULATION = 1, /* the host can't execute this instruction */
	HY_FAULT_FETCH = 2,     /* instruction fetch from unmapped memory */
	HY_FAULT_STATE = 3,     /* the host refuses the vCPU's register state */
	HY_FAULT_MEMORY = 4     /* the pages behind guest memory can't be reached */
};

/* hy_exit.system.event */
enum hy_system_event {
	HY_SYSTEM_RESET = 1,
	HY_SYSTEM_POWER_OFF = 2
};

#define HY_ADDR_UNKNOWN UINT64_MAX

/*
 * One exit.  The record belongs to the vCPU; it and the data it points to stay
 * as they are until the vCPU runs, completes, is reset or is destroyed.
 *
 * IO, MMIO and MSR exits are *pending*: the instruction isn't finished.  For
 * an `in`, an MMIO read or an RDMSR the program puts the answer in `data`
 * (hy_vcpu_data or hy_vcpu_answer); then hy_vcpu_run goes on, or
 * hy_vcpu_complete finishes the access without running further.  Before the
 * program fills it in, the answer is all ones, as on a bus where nobody answers.
 */
struct hy_exit {
	uint32_t kind;  /* enum hy_exit_kind */
	uint32_t flags; /* HY_EXIT_PENDING */
	union {
		const void *data; /* IO, MMIO and MSR: data_size bytes, in guest byte order */
		uint64_t data_pad;
	};
	uint32_t data_size; /* bytes at data; 0 where there is none */
	uint32_t reserved;
	union {
		/*
		 * String and REP forms arrive in pieces of one or more items;
		 * the sequence of all items is the contract, not how it is
		 * cut.  While a REP goes on the instruction pointer stays.
		 */
		struct {
			uint16_t port;
			uint8_t size;  /* of an item: 1, 2 or 4 */
			uint8_t write; /* 1: out, 0: in */
			uint32_t count;
		} io;

		/*
		 * Made by any data instruction with one memory operand.
		 * Split at page borders and at 8 bytes, so sizes 3, 5, 6, 7 occur.
		 * Not promised of x86 (HY_CAP_MMIO_EXOTIC): PUSHA/POPA/ENTER, far
		 * transfers and event delivery on such a stack, descriptor
		 * tables there, CMPXCHG16B, the XSAVE family.
		 */
		struct {
			uint64_t gpa;
			uint8_t size; /* 1 to 8 */
			uint8_t write;
		} mmio;

		struct {
			uint32_t event; /* enum hy_system_event */
		} system;

		struct {
			uint32_t index;
			uint8_t write; /* 1: WRMSR, 0: RDMSR */
		} msr;

		struct {
			uint32_t reason; /* enum hy_fault_reason */
			uint8_t access;  /* HY_PROT_READ, _WRITE or _EXEC; 0: not known */
			uint8_t insn_size;
			uint8_t insn[16];    /* the bytes at ip, insn_size of them */
			uint64_t gpa;        /* or HY_ADDR_UNKNOWN */
			uint64_t ip;         /* or HY_ADDR_UNKNOWN */
			uint64_t host_code;  /* the host's own number for it */
			char text[128];      /* one line for a person */
		} fault;

		struct {
			uint64_t host_code;
			uint32_t raw_size;
			uint8_t raw[128]; /* raw_size bytes as the host gave them */
		} unknown;

		uint8_t room[232];
	};
};

#ifdef __cplusplus
}
#endif

#endif /* HY_TYPES_H */
