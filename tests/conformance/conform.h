/* SPDX-License-Identifier: MIT */
/*
 * The conformance suite: cases, and what they are made of.
 *
 * A case shows one behaviour and names the obligations of doc/BACKENDS.md that
 * it proves.  It runs in a process of its own, so it just returns when it is
 * content and never returns when it isn't: the CHECK macros and the expect_
 * functions say what was wrong and end the process.
 */
#ifndef HY_CONFORM_H
#define HY_CONFORM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <hy/hy.h>
#include <hy/x86.h>

/* --- Cases ------------------------------------------------------------------------ */

#define CONFORM_OBJECTS 16

struct conform;

struct conform_case {
	const char *name;   /* "group/behaviour" */
	const char *proves; /* "HY-C12 HY-B7" */
	void (*run)(struct conform *t);
	uint32_t arch;     /* HY_ARCH_* of its guest; 0: it has none */
	uint32_t needs[3]; /* HY_CAP_*: skipped where one is absent */
};

/* Each file of cases has one of these; the last case has no name. */
extern const struct conform_case conform_capabilities[];
extern const struct conform_case conform_errors[];
extern const struct conform_case conform_life[];
extern const struct conform_case conform_limits[];
extern const struct conform_case conform_memory[];
extern const struct conform_case conform_threads[];
/* With x86 guests. */
extern const struct conform_case conform_deadlines[];
extern const struct conform_case conform_guest_memory[];
extern const struct conform_case conform_halt[];
extern const struct conform_case conform_io[];
extern const struct conform_case conform_journey[];
extern const struct conform_case conform_kick[];
extern const struct conform_case conform_mmio[];
extern const struct conform_case conform_mmio_vectors[];
extern const struct conform_case conform_phases[];
extern const struct conform_case conform_registers[];
extern const struct conform_case conform_strings[];

/* What a case has: an open host; the rest is NULL until conform_boot or the case makes it. */
struct conform {
	const struct conform_case *test;
	const struct hy_host_options *options; /* that the host was opened with */
	struct hy_host *host;
	struct hy_vm *vm;
	struct hy_vcpu *vcpu;
	const struct hy_exit *exit; /* the last one of vcpu */
	uint32_t items_done; /* of the exit at hand, by OUTS and its like */

	/* The CPUID table that conform_boot gives the VM; none: the host's. */
	struct hy_x86_cpuid cpuid[512];
	size_t cpuid_count;

	/* What new_vm and new_vcpu have made and nobody has ended yet. */
	struct hy_vm *vms[CONFORM_OBJECTS];
	struct hy_vcpu *vcpus[CONFORM_OBJECTS];
};

/*
 * Further VMs and vCPUs, and their end.  What is left over when the case returns
 * or fails is ended then, so that nothing leaks on any way out.
 */
struct hy_vm *new_vm(struct conform *t, const struct hy_vm_options *options);
struct hy_vcpu *new_vcpu(struct conform *t, struct hy_vm *vm, uint32_t id);
void end_vm(struct conform *t, struct hy_vm *vm);
void end_vcpu(struct conform *t, struct hy_vcpu *vcpu);

/* --- Being discontent ----------------------------------------------------------------- */

/* Says what was wrong, where, and ends the case. */
void conform_fail(const char *file, int line, const char *format, ...) HY_PRINTF(3, 4)
	__attribute__((noreturn));
/* Ends the case as one that can't be run, and says why. */
void conform_skip(const char *format, ...) HY_PRINTF(1, 2) __attribute__((noreturn));

#define FAIL(...) conform_fail(__FILE__, __LINE__, __VA_ARGS__)
#define CHECK(condition)                        \
	do {                                    \
		if (!(condition))               \
			FAIL("%s", #condition); \
	} while (0)
#define CHECK_EQ(got, wanted)                                                                            \
	do {                                                                                             \
		uint64_t got_ = (got), wanted_ = (wanted);                                               \
		if (got_ != wanted_)                                                                     \
			FAIL("%s is %#llx, should be %#llx", #got, (unsigned long long)got_,             \
			     (unsigned long long)wanted_);                                               \
	} while (0)
/* A libhy call that must succeed. */
#define OK(call)                                                                                 \
	do {                                                                                     \
		int status_ = (call);                                                            \
		if (status_ != 0)                                                                \
			FAIL("%s: %s: %s", #call, hy_status_name(status_), hy_error()->text);    \
	} while (0)
/* One that must fail with this code, and say something that holds `part`. */
#define FAILS(call, code, part) conform_check_failure(__FILE__, __LINE__, #call, (call), (code), (part))
void conform_check_failure(const char *file, int line, const char *what, int status, int code, const char *part);

/* Skips the case where the host lacks a capability, as `needs` does beforehand. */
void need_cap(struct conform *t, uint32_t id);

/* --- Guests ------------------------------------------------------------------------------ */

/* Code made by guest.S.h: GUEST(name) in an assembly file, USE_GUEST(name) in C. */
struct guest {
	const uint8_t *start, *end;
};
#define USE_GUEST(name)                                                                      \
	extern const uint8_t guest_##name[], guest_##name##_end[];                           \
	static const struct guest name = { guest_##name, guest_##name##_end }

/*
 * The guest's world: RAM from 0 to RAM_SIZE, the code at CODE, a stack that
 * ends at STACK, and nothing at HOLE and above.  Paged modes map the first 4
 * MiB to themselves for all levels of privilege; their tables are at TABLES,
 * the descriptors at GDT.
 */
#define RAM_SIZE UINT64_C(0x100000)
#define CODE UINT64_C(0x1000)
#define DATA UINT64_C(0x4000) /* 0x4000 to 0x7fff are free for the case */
#define STACK UINT64_C(0x9000)
#define GDT UINT64_C(0xa000)
#define TABLES UINT64_C(0x10000)
#define HOLE UINT64_C(0x200000)
#define PAGE UINT64_C(0x1000)

enum mode {
	REAL,        /* 16 bits, segments at 0 */
	PROTECTED,   /* 32 bits, flat, no paging */
	PAGED32,     /* 32 bits, flat, two-level paging */
	LONG,        /* 64 bits */
	LONG_USER    /* 64 bits at CPL 3 */
};

/* A VM with RAM, and one vCPU at the code's start in a mode. */
void conform_boot(struct conform *t, enum mode mode, struct guest guest);
/* The same for a VM and vCPU that the case has made itself; RAM is mapped. */
void conform_place(struct conform *t, struct hy_vcpu *vcpu, enum mode mode, struct guest guest);

/*
 * Gives the guests that are booted from now on features of CPUID leaf 1, ECX (with
 * XSAVE among them also XCR0 for AVX), whether the host's own table has them or not,
 * and skips the case unless `trial` comes to its HLT with them.
 */
void need_feature(struct conform *t, uint32_t ecx, const char *name, struct guest trial);

uint64_t get_reg(struct conform *t, hy_reg id);
void set_reg(struct conform *t, hy_reg id, uint64_t value);
void write_ram(struct conform *t, uint64_t gpa, const void *data, size_t size);
void read_ram(struct conform *t, uint64_t gpa, void *data, size_t size);

/* --- Exits ----------------------------------------------------------------------------------- */

/* Runs to the next exit and checks its kind; it is t->exit. */
#define RUN(t, kind) conform_run(__FILE__, __LINE__, (t), (kind))
void conform_run(const char *file, int line, struct conform *t, uint32_t kind);

/* Runs to the next exit, of whatever kind; it is t->exit. */
const struct hy_exit *any_exit(struct conform *t);

/* Runs to a single port access and checks all of it. */
#define OUT(t, port, size, value) conform_out(__FILE__, __LINE__, (t), (port), (size), (value))
void conform_out(const char *file, int line, struct conform *t, uint16_t port, uint8_t size, uint32_t value);
/* The same for a read, which it answers. */
#define IN(t, port, size, answer) conform_in(__FILE__, __LINE__, (t), (port), (size), (answer))
void conform_in(const char *file, int line, struct conform *t, uint16_t port, uint8_t size, uint32_t answer);

/*
 * Checks `count` items of string accesses, in whatever pieces they come:
 * written ones against `items`, read ones answered from there.
 */
#define OUTS(t, port, size, items, count) conform_items(__FILE__, __LINE__, (t), (port), (size), 1, (items), (count))
#define INS(t, port, size, items, count) conform_items(__FILE__, __LINE__, (t), (port), (size), 0, (items), (count))
void conform_items(const char *file, int line, struct conform *t, uint16_t port, uint8_t size, uint8_t write,
                   const void *items, size_t count);

/* Runs to an MMIO access and checks all of it; a read is answered. */
#define MMIO_WRITE(t, gpa, size, value) conform_mmio_access(__FILE__, __LINE__, (t), (gpa), (size), 1, (value))
#define MMIO_READ(t, gpa, size, answer) conform_mmio_access(__FILE__, __LINE__, (t), (gpa), (size), 0, (answer))
void conform_mmio_access(const char *file, int line, struct conform *t, uint64_t gpa, uint8_t size, uint8_t write,
                         uint64_t value);

/* Completes the access at hand; no other of its instruction may follow. */
#define COMPLETE(t) conform_complete(__FILE__, __LINE__, (t))
void conform_complete(const char *file, int line, struct conform *t);

/* Runs to HALT and checks where: the instruction pointer is past an HLT that ends the guest. */
#define HALT(t) conform_halts(__FILE__, __LINE__, (t))
void conform_halts(const char *file, int line, struct conform *t);

/* The rounds of a storm: HY_STORM, or `usual`. */
unsigned long conform_rounds(unsigned long usual);

#endif /* HY_CONFORM_H */
