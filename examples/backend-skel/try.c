/* SPDX-License-Identifier: MIT */
/* Runs a guest of hy-backend-skel and says what it does; $HY_BACKEND_PATH_ADD leads to the backend. */
#include <hy/hy.h>
#include <stdio.h>

#define PC HY_REG(HY_ARCH_CUSTOM, 8, 0, 4)

static const unsigned char code[] = {
	3, 0, 'H', 0,     /*  0 set r0, 'H' */
	8, 0, 0xe9, 0,    /*  4 out r0, port 0xe9 */
	7, 1, 0x42, 0,    /*  8 in r1, port 0x42 */
	3, 2, 0, 0x20,    /* 12 set r2, 0x2000: nothing is mapped there */
	6, 1, 2, 0,       /* 16 store r1, [r2] */
	5, 3, 2, 0,       /* 20 load r3, [r2] */
	8, 3, 0xe9, 0,    /* 24 out r3, port 0xe9 */
	1, 0, 0, 0,       /* 28 halt */
	4, 0, 32, 0,      /* 32 branch r0, 32: for ever */
	2, 0, 0, 0,       /* 36 down */
};

static int failed(void)
{
	fprintf(stderr, "%s\n%s\n", hy_error()->text, hy_error()->hint);
	return 1;
}

static void show(const struct hy_exit *exit)
{
	printf("%s", hy_exit_name(exit->kind));
	if (exit->kind == HY_EXIT_IO)
		printf(" %s port %#x: %#x", exit->io.write ? "out" : "in", exit->io.port, (unsigned)hy_exit_value(exit, 0));
	else if (exit->kind == HY_EXIT_MMIO)
		printf(" %s %#llx: %#x", exit->mmio.write ? "write" : "read", (unsigned long long)exit->mmio.gpa,
		       (unsigned)hy_exit_value(exit, 0));
	else if (exit->kind == HY_EXIT_FAULT)
		printf(" at %#llx: %s", (unsigned long long)exit->fault.ip, exit->fault.text);
	putchar('\n');
}

/* Runs to an exit of this kind; the reads on the way are answered with 'i'. */
static int run_to(struct hy_vcpu *vcpu, uint32_t kind)
{
	const struct hy_exit *exit;

	do {
		if (hy_vcpu_run_until(vcpu, hy_now() + 10000000, &exit))
			return failed();
		show(exit);
		if (hy_vcpu_data(vcpu, NULL) && hy_vcpu_answer(vcpu, 'i'))
			return failed();
	} while (exit->kind != kind && exit->kind != HY_EXIT_DEADLINE);
	return exit->kind != kind;
}

static int run_from(struct hy_vcpu *vcpu, uint64_t pc, uint32_t kind)
{
	return hy_vcpu_set_reg(vcpu, PC, pc) ? failed() : run_to(vcpu, kind);
}

/* The guest's own way, then the ways in which others end a run, then those on which it can't go on. */
static int run_all(struct hy_vcpu *vcpu)
{
	return run_to(vcpu, HY_EXIT_HALT) || hy_vcpu_kick(vcpu) || run_to(vcpu, HY_EXIT_CANCELED) ||
	       run_to(vcpu, HY_EXIT_DEADLINE) || run_from(vcpu, 36, HY_EXIT_SHUTDOWN) ||
	       run_from(vcpu, 40, HY_EXIT_FAULT) || run_from(vcpu, 0xffe, HY_EXIT_FAULT);
}

int main(void)
{
	struct hy_vm_options options = HY_VM_OPTIONS_INIT;
	struct hy_host_options choice = HY_HOST_OPTIONS_INIT;
	struct hy_host *host = NULL;
	struct hy_vm *vm = NULL;
	struct hy_vcpu *vcpu = NULL;
	int status;

	choice.backend = "skel";
	options.arch = HY_ARCH_CUSTOM;
	if (hy_host_open(&choice, &host) || hy_vm_create(host, &options, &vm) ||
	    hy_vm_alloc_memory(vm, 0, 0x1000, HY_PROT_RWX, 0) || hy_vm_write(vm, 0, code, sizeof(code)) ||
	    hy_vcpu_create(vm, NULL, &vcpu))
		return failed();
	status = run_all(vcpu);
	return hy_vcpu_destroy(vcpu) || hy_vm_destroy(vm) || hy_host_close(host) || status;
}
