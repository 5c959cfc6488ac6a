/* SPDX-License-Identifier: MIT */
/* Allocates memory that it can't free. */
#define MOCK_NAME "halfpair"
#define MOCK_ALLOC halfpair_alloc

#include <stddef.h>
#include <stdint.h>

struct hy_backend_vm;
static int halfpair_alloc(struct hy_backend_vm *vm, uint64_t gpa, uint64_t size, void **host);

#include "mock.h"

static int halfpair_alloc(struct hy_backend_vm *vm, uint64_t gpa, uint64_t size, void **host)
{
	(void)vm;
	(void)gpa;
	(void)size;
	*host = NULL;
	return HY_E_NOMEM;
}
