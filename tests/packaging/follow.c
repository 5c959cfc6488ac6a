/* SPDX-License-Identifier: MIT */
/*
 * A program that keeps libhy open while packages of backends come and go.  For
 * each line of input it says which backend a host opened now would have, and what
 * the VM does that it made on the first one that it could.
 */
#include <stdbool.h>
#include <stdio.h>

#include <hy/hy.h>
#include <hy/x86.h>

/* 1: inc %al; out %al, $0xe9; jmp 1b */
static const unsigned char code[] = { 0xfe, 0xc0, 0xe6, 0xe9, 0xeb, 0xfa };

struct machine {
	struct hy_host *host;
	struct hy_vm *vm;
	struct hy_vcpu *vcpu;
	unsigned char count;
};

static int machine_fill(struct machine *machine)
{
	static const hy_reg ids[] = { HY_X86_CS, HY_X86_RIP, HY_X86_RAX };
	union hy_value values[] = { { .segment = { 0, 0xffff, 0, HY_X86_ATTR_CODE16 } }, { .u64 = 0 }, { .u64 = 0 } };
	int status = hy_vm_create(machine->host, NULL, &machine->vm);

	if (status == 0)
		status = hy_vm_alloc_memory(machine->vm, 0, 0x10000, HY_PROT_RWX, 0);
	if (status == 0)
		status = hy_vm_write(machine->vm, 0, code, sizeof(code));
	if (status == 0)
		status = hy_vcpu_create(machine->vm, NULL, &machine->vcpu);
	return status ? status : hy_vcpu_set_regs(machine->vcpu, ids, values, 3);
}

/* Whether the guest got on by one step. */
static bool machine_runs(struct machine *machine)
{
	const struct hy_exit *exit;

	machine->count++;
	return hy_vcpu_run(machine->vcpu, &exit) == 0 && exit->kind == HY_EXIT_IO &&
	       hy_exit_value(exit, 0) == machine->count;
}

static int machine_end(struct machine *machine)
{
	int status = machine->vcpu ? hy_vcpu_destroy(machine->vcpu) : 0;

	if (status == 0 && machine->vm)
		status = hy_vm_destroy(machine->vm);
	return status ? status : hy_host_close(machine->host);
}

static void answer(struct machine *machine)
{
	struct hy_host *host;

	if (hy_host_open(NULL, &host) != 0) {
		printf("none; ");
	} else {
		printf("%s; ", hy_host_backend(host)->name);
		if (machine->host)
			hy_host_close(host);
		else
			machine->host = host;
	}
	if (!machine->host)
		puts("no VM");
	else if (!machine->vm && machine_fill(machine) != 0)
		printf("no VM: %s\n", hy_error()->text);
	else
		printf("%s %s\n", hy_host_backend(machine->host)->name, machine_runs(machine) ? "runs" : "stopped");
	fflush(stdout);
}

int main(void)
{
	struct machine machine = { .host = NULL };
	char line[16];

	while (fgets(line, sizeof(line), stdin))
		answer(&machine);
	return machine_end(&machine) != 0;
}
