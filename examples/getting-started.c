/* SPDX-License-Identifier: MIT */
#include <hy/hy.h>
#include <hy/x86.h>
#include <stdio.h>

/* mov $'H', %al; out %al, $0xe9; mov $'i', %al; out %al, $0xe9; hlt */
static const unsigned char code[] = { 0xb0, 'H', 0xe6, 0xe9, 0xb0, 'i', 0xe6, 0xe9, 0xf4 };

int main(void)
{
	struct hy_host *host = NULL;
	struct hy_vm *vm = NULL;
	struct hy_vcpu *vcpu = NULL;
	const struct hy_exit *exit;
	hy_reg ids[] = { HY_X86_CS, HY_X86_RIP };
	union hy_value start[] = { { .segment = { 0, 0xffff, 0, HY_X86_ATTR_CODE16 } }, { .u64 = 0 } };
	int rc = hy_host_open(NULL, &host) || hy_vm_create(host, NULL, &vm) ||
	         hy_vm_alloc_memory(vm, 0, 0x10000, HY_PROT_RWX, 0) || hy_vm_write(vm, 0, code, sizeof(code)) ||
	         hy_vcpu_create(vm, NULL, &vcpu) || hy_vcpu_set_regs(vcpu, ids, start, 2);

	while (!rc && !(rc = hy_vcpu_run(vcpu, &exit)))
		switch (exit->kind) {
		case HY_EXIT_IO:
			putchar((int)hy_exit_value(exit, 0));
			break;
		default:
			printf("\nended by %s\n", hy_exit_name(exit->kind));
			return hy_vcpu_destroy(vcpu) || hy_vm_destroy(vm) || hy_host_close(host);
		}
	return fprintf(stderr, "%s\n%s\n", hy_error()->text, hy_error()->hint) > 0;
}
