/* SPDX-License-Identifier: MIT */
/*
 * hy-backend-skel - a whole backend of libhy, to begin from.
 *
 * Its host, in the first part of this file, is a machine of its own for programs of four-byte
 * instructions; try.c runs one.  The rest is the backend, as it looks for a host with such calls: put
 * your host's in their place.  PORTING.md has the order, <hy/backend.h> what each operation owes.
 */
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <hy/backend.h>

/* --- The host ---------------------------------------------------------------------- */

#define PC 4 /* the register that has the instruction's address */
#define INSN_SIZE 4
#define SLOTS 1024 /* pieces of memory that a machine has room for */

/* Of the bytes of an instruction: operation, register, and a number, low byte first. */
enum operation {
	OP_HALT = 1,   /* stops, to go on with the next instruction */
	OP_DOWN = 2,   /* breaks the machine down */
	OP_SET = 3,    /* register = number */
	OP_BRANCH = 4, /* goes to the address `number`, unless the register is 0 */
	OP_LOAD = 5,   /* register = the byte at the address in register `number` */
	OP_STORE = 6,  /* that byte = register */
	OP_IN = 7,     /* register = the byte at port `number` */
	OP_OUT = 8     /* that byte = register */
};

/* What ends a stay in the guest; NONE: it was asked to end. */
enum event { EVENT_NONE, EVENT_PORT, EVENT_MEMORY, EVENT_HALT, EVENT_DOWN, EVENT_NO_CODE, EVENT_BAD_CODE };

struct machine {
	bool locked;                          /* its memory is in use, or being changed */
	struct hy_backend_region slot[SLOTS]; /* free: of size 0 */
};

struct processor {
	uint64_t reg[PC + 1];
	uint32_t stop;           /* set by anybody: ends the run under way, or the next */
	uint8_t insn[INSN_SIZE]; /* the last instruction */
	bool write;              /* of its access: whether it writes */
	uint8_t data;            /* what it reads or writes */
	uint64_t address;        /* of the data, or of the code that is missing */
};

/* Held for an instruction, and no lock of the system's: fork() leaves nothing to be mended. */
static void lock(struct machine *machine)
{
	while (__atomic_test_and_set(&machine->locked, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void unlock(struct machine *machine)
{
	__atomic_clear(&machine->locked, __ATOMIC_RELEASE);
}

/* The byte of memory at an address, for an access that needs `prot`. */
static uint8_t *find_byte(const struct machine *machine, uint64_t address, uint32_t prot)
{
	for (const struct hy_backend_region *slot = machine->slot; slot < machine->slot + SLOTS; slot++) {
		if (address - slot->gpa < slot->size)
			return slot->prot & prot ? (uint8_t *)slot->host + (address - slot->gpa) : NULL;
	}
	return NULL;
}

static uint16_t number(const struct processor *cpu)
{
	return (uint16_t)(cpu->insn[2] | cpu->insn[3] << 8);
}

static uint64_t *target(struct processor *cpu)
{
	return &cpu->reg[cpu->insn[1] % PC];
}

/* The second half of an access: what was read is in cpu->data, whoever put it there. */
static void finish_access(struct processor *cpu)
{
	if (!cpu->write)
		*target(cpu) = cpu->data;
	cpu->reg[PC] += INSN_SIZE;
}

/* The first half.  Ports, and addresses without memory, are somebody else's. */
static enum event begin_access(const struct machine *machine, struct processor *cpu)
{
	bool port = cpu->insn[0] == OP_IN || cpu->insn[0] == OP_OUT;
	uint8_t *byte;

	cpu->write = cpu->insn[0] == OP_OUT || cpu->insn[0] == OP_STORE;
	cpu->data = cpu->write ? (uint8_t)*target(cpu) : 0xff;
	cpu->address = port ? number(cpu) : cpu->reg[number(cpu) % PC];
	if (port)
		return EVENT_PORT;
	byte = find_byte(machine, cpu->address, cpu->write ? HY_PROT_WRITE : HY_PROT_READ);
	if (!byte)
		return EVENT_MEMORY;
	*(cpu->write ? byte : &cpu->data) = *(cpu->write ? &cpu->data : byte);
	finish_access(cpu);
	return EVENT_NONE;
}

static enum event fetch(const struct machine *machine, struct processor *cpu)
{
	for (unsigned i = 0; i < INSN_SIZE; i++) {
		const uint8_t *byte = find_byte(machine, cpu->reg[PC] + i, HY_PROT_EXEC);

		cpu->address = cpu->reg[PC] + i;
		if (!byte)
			return EVENT_NO_CODE;
		cpu->insn[i] = *byte;
	}
	return EVENT_NONE;
}

static enum event step(const struct machine *machine, struct processor *cpu)
{
	enum event event = fetch(machine, cpu);

	if (event != EVENT_NONE)
		return event;
	switch (cpu->insn[0]) {
	case OP_HALT:
		event = EVENT_HALT;
		break;
	case OP_SET:
		*target(cpu) = number(cpu);
		break;
	case OP_BRANCH:
		cpu->reg[PC] = *target(cpu) != 0 ? (uint64_t)number(cpu) - INSN_SIZE : cpu->reg[PC];
		break;
	case OP_DOWN:
		return EVENT_DOWN;
	default:
		return cpu->insn[0] >= OP_LOAD && cpu->insn[0] <= OP_OUT ? begin_access(machine, cpu) : EVENT_BAD_CODE;
	}
	cpu->reg[PC] += INSN_SIZE;
	return event;
}

/* Until something happens, or `stop` is set. */
static enum event run_guest(struct machine *machine, struct processor *cpu)
{
	enum event event = EVENT_NONE;

	while (event == EVENT_NONE && !__atomic_load_n(&cpu->stop, __ATOMIC_SEQ_CST)) {
		lock(machine);
		event = step(machine, cpu);
		unlock(machine);
	}
	return event;
}

/* --- The backend: what it is -------------------------------------------------------- */

/* Where the host can't be used: .status, and in .reason, .host_code and .hint why, and what helps. */
static void skel_probe(struct hy_probe *answer)
{
	answer->status = HY_PROBE_OK;
}

/* A real one opens the host's device, and keeps it in host->priv. */
static int skel_open(struct hy_backend_host *host)
{
	(void)host;
	return 0;
}

static void skel_close(struct hy_backend_host *host)
{
	(void)host;
}

/* What isn't here is absent: the core does it then.  Where it can't, a reason has to be given. */
static const struct {
	uint32_t id;
	struct hy_cap cap;
} caps[] = {
	{ HY_CAP_MAP_MEMORY, { .how = HY_CAP_HOST } },
	{ HY_CAP_READ_ONLY, { .how = HY_CAP_HOST } },
	{ HY_CAP_NO_EXECUTE, { .how = HY_CAP_HOST } },
	{ HY_CAP_NO_READ, { .how = HY_CAP_HOST } },
	{ HY_CAP_SIGNAL_KICK, { .how = HY_CAP_HOST } },
	{ HY_CAP_BIND, { .how = HY_CAP_ABSENT, .reason = "left out, to be an example" } },
	{ HY_CAP_HALT_EXIT, { .how = HY_CAP_HOST } },
	{ HY_CAP_MAX_VMS, { .how = HY_CAP_HOST, .value = 0 } },
	{ HY_CAP_MAX_VCPUS, { .how = HY_CAP_HOST, .value = 64 } },
	{ HY_CAP_MAX_VCPUS_PER_THREAD, { .how = HY_CAP_HOST, .value = 0 } },
	{ HY_CAP_MAX_REGIONS, { .how = HY_CAP_HOST, .value = SLOTS } },
	{ HY_CAP_GRANULE, { .how = HY_CAP_HOST, .value = 4096 } },
	{ HY_CAP_GPA_BITS, { .how = HY_CAP_HOST, .value = 64 } },
};

static int skel_cap(struct hy_backend_host *host, uint32_t id, struct hy_cap *cap)
{
	(void)host;
	for (size_t i = 0; i < sizeof(caps) / sizeof(caps[0]); i++) {
		if (caps[i].id == id)
			*cap = caps[i].cap;
	}
	return 0;
}

/* --- VMs and their memory ----------------------------------------------------------- */

static int skel_vm_create(struct hy_backend_vm *vm)
{
	(void)vm;
	return 0;
}

static void skel_vm_destroy(struct hy_backend_vm *vm)
{
	(void)vm;
}

static int skel_memory_map(struct hy_backend_vm *vm, struct hy_backend_region *region)
{
	struct machine *machine = vm->priv;
	size_t i = 0;

	while (i < SLOTS && machine->slot[i].size != 0)
		i++;
	if (i == SLOTS)
		return vm->host->services->fail(HY_E_LIMIT, 0, NULL, NULL, "more than %d pieces of memory", SLOTS);
	region->cookie = i;
	lock(machine);
	machine->slot[i] = *region;
	unlock(machine);
	return 0;
}

static int skel_memory_unmap(struct hy_backend_vm *vm, const struct hy_backend_region *region)
{
	struct machine *machine = vm->priv;

	lock(machine);
	machine->slot[region->cookie].size = 0;
	unlock(machine);
	return 0;
}

/* --- vCPUs -------------------------------------------------------------------------- */

static int skel_vcpu_create(struct hy_backend_vcpu *vcpu)
{
	(void)vcpu;
	return 0;
}

static void skel_vcpu_destroy(struct hy_backend_vcpu *vcpu)
{
	(void)vcpu;
}

/* All registers, for they are our own; those of x86 the core writes. */
static int skel_vcpu_reset(struct hy_backend_vcpu *vcpu)
{
	struct processor *cpu = vcpu->priv;

	memset(cpu->reg, 0, sizeof(cpu->reg));
	return 0;
}

static void make_fault(struct hy_exit *exit, const struct processor *cpu, bool fetched)
{
	exit->kind = HY_EXIT_FAULT;
	exit->fault.reason = fetched ? HY_FAULT_EMULATION : HY_FAULT_FETCH;
	exit->fault.access = HY_PROT_EXEC;
	exit->fault.gpa = fetched ? cpu->reg[PC] : cpu->address;
	exit->fault.ip = cpu->reg[PC];
	exit->fault.insn_size = fetched ? INSN_SIZE : 0;
	memcpy(exit->fault.insn, cpu->insn, exit->fault.insn_size);
	strcpy(exit->fault.text, fetched ? "no such operation" : "no code");
}

/* Says in libhy's words what the host has said in its own. */
static int make_exit(struct hy_exit *exit, struct processor *cpu, enum event event)
{
	*exit = (struct hy_exit){ .kind = event == EVENT_HALT ? HY_EXIT_HALT : HY_EXIT_SHUTDOWN };
	if (event == EVENT_PORT)
		*exit = (struct hy_exit){ .kind = HY_EXIT_IO, .io = { (uint16_t)cpu->address, 1, cpu->write, 1 } };
	else if (event == EVENT_MEMORY)
		*exit = (struct hy_exit){ .kind = HY_EXIT_MMIO, .mmio = { cpu->address, 1, cpu->write } };
	else if (event == EVENT_NO_CODE || event == EVENT_BAD_CODE)
		make_fault(exit, cpu, event == EVENT_BAD_CODE);
	if (event == EVENT_PORT || event == EVENT_MEMORY) {
		exit->flags = HY_EXIT_PENDING;
		exit->data = &cpu->data;
		exit->data_size = 1;
	}
	return event == EVENT_NONE ? HY_RUN_INTERRUPTED : 0;
}

static int skel_vcpu_run(struct hy_backend_vcpu *vcpu)
{
	struct processor *cpu = vcpu->priv;

	/* Armed first, then looked: a poke that comes between the two sets it again. */
	__atomic_store_n(&cpu->stop, 0, __ATOMIC_SEQ_CST);
	if (vcpu->exit->flags & HY_EXIT_PENDING)
		finish_access(cpu);
	if (hy_backend_requests(vcpu) != 0)
		return HY_RUN_INTERRUPTED;
	return make_exit(vcpu->exit, cpu, run_guest(vcpu->vm->priv, cpu));
}

/* No instruction of this machine has a second access. */
static int skel_vcpu_complete(struct hy_backend_vcpu *vcpu)
{
	finish_access(vcpu->priv);
	return HY_RUN_INTERRUPTED;
}

static void skel_vcpu_poke(struct hy_backend_vcpu *vcpu)
{
	struct processor *cpu = vcpu->priv;

	__atomic_store_n(&cpu->stop, 1, __ATOMIC_SEQ_CST);
}

/* Amid an access nobody has registers; but at a port every host has the general ones. */
static int check_regs(const struct hy_backend_vcpu *vcpu, const hy_reg *ids, size_t count)
{
	const struct hy_services *services = vcpu->vm->host->services;
	bool pending = vcpu->exit->flags & HY_EXIT_PENDING, port = vcpu->exit->kind == HY_EXIT_IO;

	for (size_t i = 0; i < count; i++) {
		uint32_t n = HY_REG_INDEX(ids[i]);

		if (n > PC || ids[i] != HY_REG(HY_ARCH_CUSTOM, 8, 0, n))
			return services->fail(HY_E_UNSUPPORTED, 0, NULL, NULL, "there is no register %u", n);
		if (pending && (!port || n == PC))
			return services->fail(HY_E_PENDING, 0, NULL, "complete it", "register %u amid an access", n);
	}
	return 0;
}

static int skel_get_regs(struct hy_backend_vcpu *vcpu, const hy_reg *ids, union hy_value *values, size_t count)
{
	const struct processor *cpu = vcpu->priv;
	int status = check_regs(vcpu, ids, count);

	for (size_t i = 0; i < count && status == 0; i++)
		values[i].u64 = cpu->reg[HY_REG_INDEX(ids[i])];
	return status;
}

static int skel_set_regs(struct hy_backend_vcpu *vcpu, const hy_reg *ids, const union hy_value *values, size_t count)
{
	struct processor *cpu = vcpu->priv;
	int status = check_regs(vcpu, ids, count);

	for (size_t i = 0; i < count && status == 0; i++)
		cpu->reg[HY_REG_INDEX(ids[i])] = values[i].u64;
	return status;
}

/* --- The table ---------------------------------------------------------------------- */

static const struct hy_backend backend = {
	.size = sizeof(struct hy_backend),
	.abi_major = HY_BACKEND_ABI_MAJOR,
	.abi_minor = HY_BACKEND_ABI_MINOR,
	.priority = 0,  /* for nobody who doesn't ask for it; up to 99 counts */
	.name = "skel", /* as in the file's name */
	.summary = "a machine of four registers",
	.version = "0.1.0",
	.arches = HY_ARCH_BIT(HY_ARCH_CUSTOM),
	.vm_size = sizeof(struct machine),
	.vcpu_size = sizeof(struct processor),
	.probe = skel_probe,
	.open = skel_open,
	.close = skel_close,
	.cap = skel_cap,
	.vm_create = skel_vm_create,
	.vm_destroy = skel_vm_destroy,
	.memory_map = skel_memory_map,
	.memory_unmap = skel_memory_unmap,
	.vcpu_create = skel_vcpu_create,
	.vcpu_destroy = skel_vcpu_destroy,
	.vcpu_reset = skel_vcpu_reset,
	.vcpu_run = skel_vcpu_run,
	.vcpu_complete = skel_vcpu_complete,
	.vcpu_poke = skel_vcpu_poke,
	.vcpu_get_regs = skel_get_regs,
	.vcpu_set_regs = skel_set_regs,
};

/* The services come again with each host: there is nothing to keep. */
const struct hy_backend *HY_BACKEND_ENTRY(const struct hy_services *services)
{
	(void)services;
	return &backend;
}
