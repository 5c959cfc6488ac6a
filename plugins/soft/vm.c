/* SPDX-License-Identifier: MIT */
/* Virtual machines: life. */
#include <stdlib.h>

#include "os.h"
#include "soft.h"

static int no_memory(const struct hy_backend_vm *be)
{
	return be->host->services->fail(HY_E_NOMEM, 0, NULL, NULL, "memory for a VM of %u vCPUs", be->options->vcpus);
}

int soft_vm_create(struct hy_backend_vm *be)
{
	struct soft_vm *vm = be->priv;

	vm->process = soft_os_process();
	vm->vcpu = calloc(be->options->vcpus, sizeof(*vm->vcpu));
	if (!vm->vcpu)
		return no_memory(be);
	if (pthread_mutex_init(&vm->lock, NULL) != 0)
		goto err_free_table;
	if (pthread_cond_init(&vm->changed, NULL) != 0)
		goto err_destroy_lock;
	return 0;

err_destroy_lock:
	pthread_mutex_destroy(&vm->lock);
err_free_table:
	free(vm->vcpu);
	return no_memory(be);
}

void soft_vm_destroy(struct hy_backend_vm *be)
{
	struct soft_vm *vm = be->priv;

	/* In a child of fork() somebody may seem to hold or await them for ever. */
	if (vm->process == soft_os_process()) {
		pthread_cond_destroy(&vm->changed);
		pthread_mutex_destroy(&vm->lock);
	}
	free(vm->vcpu);
	free(vm->region);
}
