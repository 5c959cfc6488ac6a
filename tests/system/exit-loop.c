/* SPDX-License-Identifier: MIT */
/*
 * A loop of OUT exits, for counting what each costs:
 *
 *	exit-loop MODE N
 *
 *	out       does nothing at an exit
 *	regs      reads two general registers and writes one
 *	complete  completes the access and reads the instruction pointer
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <hy/hy.h>
#include <hy/x86.h>

/* again: out %al, $0x42; jmp again */
static const unsigned char code[] = { 0xe6, 0x42, 0xeb, 0xfc };

static int use_regs(struct hy_vcpu *vcpu)
{
	static const hy_reg two[] = { HY_X86_RAX, HY_X86_RBX }, one[] = { HY_X86_RCX };
	union hy_value values[2];
	int status = hy_vcpu_get_regs(vcpu, two, values, 2);

	return status != 0 ? status : hy_vcpu_set_regs(vcpu, one, values, 1);
}

static int complete(struct hy_vcpu *vcpu)
{
	const struct hy_exit *exit;
	uint64_t ip;
	int status = hy_vcpu_complete(vcpu, &exit);

	if (status == 0)
		status = hy_vcpu_get_reg(vcpu, HY_X86_RIP, &ip);
	return status == 0 && (exit || ip != 2) ? 1 : status;
}

static int loop(struct hy_vcpu *vcpu, const char *mode, unsigned long n)
{
	const struct hy_exit *exit;
	int status = 0;

	for (; n > 0 && status == 0; n--) {
		status = hy_vcpu_run(vcpu, &exit);
		if (status == 0 && exit->kind != HY_EXIT_IO)
			return 1;
		if (status == 0 && strcmp(mode, "regs") == 0)
			status = use_regs(vcpu);
		if (status == 0 && strcmp(mode, "complete") == 0)
			status = complete(vcpu);
	}
	return status;
}

static int prepare(struct hy_host *host, struct hy_vm **vm, struct hy_vcpu **vcpu)
{
	static const hy_reg ids[] = { HY_X86_CS, HY_X86_RIP };
	static const union hy_value at_zero[] = { { .segment = { 0, 0xffff, 0, HY_X86_ATTR_CODE16 } }, { .u64 = 0 } };
	int status = hy_vm_create(host, NULL, vm);

	if (status == 0)
		status = hy_vm_alloc_memory(*vm, 0, 0x10000, HY_PROT_RWX, 0);
	if (status == 0)
		status = hy_vm_write(*vm, 0, code, sizeof(code));
	if (status == 0)
		status = hy_vcpu_create(*vm, NULL, vcpu);
	return status != 0 ? status : hy_vcpu_set_regs(*vcpu, ids, at_zero, 2);
}

int main(int argc, char **argv)
{
	struct hy_host *host;
	struct hy_vm *vm = NULL;
	struct hy_vcpu *vcpu = NULL;
	int status;

	if (argc != 3)
		return 2;
	if (hy_host_open(NULL, &host) != 0) {
		printf("SKIP: %s\n", hy_error()->text);
		return 77;
	}
	status = prepare(host, &vm, &vcpu);
	if (status == 0)
		status = loop(vcpu, argv[1], strtoul(argv[2], NULL, 10));
	if (status != 0)
		printf("%s\n", hy_error()->text);
	hy_vcpu_destroy(vcpu);
	hy_vm_destroy(vm);
	hy_host_close(host);
	return status != 0;
}
