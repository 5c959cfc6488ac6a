/* SPDX-License-Identifier: MIT */
/* The services that a backend gets from the core. */
#include "internal.h"
#include "services.h"
#include "text.h"

static _Thread_local const char *current_backend;

const char *hy__current_backend(void)
{
	return current_backend;
}

const char *hy__enter_backend(const char *name)
{
	const char *before = current_backend;

	current_backend = name;
	return before;
}

void hy__leave_backend(const char *before)
{
	current_backend = before;
}

static HY_PRINTF(5, 6) int fail(int code, int64_t host_code, const char *host_name,
                                const char *hint, const char *format, ...)
{
	va_list args;

	/* What a backend returns must not look like success, or like nothing known. */
	if (!hy__is_failure(code))
		code = HY_E_ABI;
	va_start(args, format);
	hy__fail_va(code, host_code, host_name, hint, format, args);
	va_end(args);
	hy__fail_is_backends();
	return code;
}

static HY_PRINTF(3, 4) void message(enum hy_log_level level, const char *backend,
                                    const char *format, ...)
{
	va_list args;

	va_start(args, format);
	hy__log_backend(level, backend, format, args);
	va_end(args);
}

static struct hy_vm *vm_of(const struct hy_backend_vm *be)
{
	char *vm = (char *)(uintptr_t)be - offsetof(struct hy_vm, be);

	return (struct hy_vm *)(void *)vm;
}

static int vm_read(const struct hy_backend_vm *be, uint64_t gpa, void *data, size_t size)
{
	uint64_t gap;

	return hy__vm_copy_out(vm_of(be), gpa, data, size, &gap);
}

static void vm_lock(const struct hy_backend_vm *be)
{
	hy__rwlock_read(&vm_of(be)->lock);
}

static void vm_unlock(const struct hy_backend_vm *be)
{
	hy__rwlock_unlock(&vm_of(be)->lock);
}

static void *vm_find(const struct hy_backend_vm *be, uint64_t gpa, uint64_t *left, uint32_t *prot)
{
	const struct hy_backend_region *region = hy__vm_find_locked(vm_of(be), gpa);

	if (!region)
		return NULL;
	if (left)
		*left = region->size - (gpa - region->gpa);
	if (prot)
		*prot = region->prot;
	return (char *)region->host + (gpa - region->gpa);
}

static void reg_name(hy_reg id, char *text, size_t size)
{
	const struct hy__arch *arch = hy__arch_find(HY_REG_ARCH(id));

	if (arch && arch->reg_valid(id))
		arch->reg_name(id, text, size);
	else
		hy__text_copy(text, size, "?");
}

const struct hy_services hy__services = {
	.size = sizeof(struct hy_services),
	.abi_major = HY_BACKEND_ABI_MAJOR,
	.abi_minor = HY_BACKEND_ABI_MINOR,
	.fail = fail,
	.message = message,
	.vm_read = vm_read,
	.reg_name = reg_name,
	.vm_lock = vm_lock,
	.vm_unlock = vm_unlock,
	.vm_find = vm_find,
};
