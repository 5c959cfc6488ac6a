/* SPDX-License-Identifier: MIT */
/*
 * Stands in for the functions of libhy that make and end objects, to know what
 * a case has when it ends half-way.
 */
#include <dlfcn.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>

#include <hy/hy.h>

#include "inject.h"

#define MAX_OBJECTS 1024

/* In the order in which they are ended. */
enum object_kind { REFERENCE, VCPU, VM, HOST, REPORT, OBJECT_KINDS };

static struct object {
	void *handle; /* NULL: a free place */
	enum object_kind kind;
} objects[MAX_OBJECTS];
static pthread_mutex_t objects_lock = PTHREAD_MUTEX_INITIALIZER;

static struct object *find_locked(void *handle, enum object_kind kind)
{
	for (size_t i = 0; i < MAX_OBJECTS; i++) {
		if (objects[i].handle == handle && (!handle || objects[i].kind == kind))
			return &objects[i];
	}
	return NULL;
}

static void add(void *handle, enum object_kind kind)
{
	struct object *object;

	pthread_mutex_lock(&objects_lock);
	object = find_locked(NULL, kind);
	if (object)
		*object = (struct object){ handle, kind };
	pthread_mutex_unlock(&objects_lock);
}

/* Takes it out; whether it was there. */
static bool take(void *handle, enum object_kind kind)
{
	struct object *object;

	if (!handle)
		return false;
	pthread_mutex_lock(&objects_lock);
	object = find_locked(handle, kind);
	if (object)
		object->handle = NULL;
	pthread_mutex_unlock(&objects_lock);
	return object != NULL;
}

static int added(int status, void *handle, enum object_kind kind)
{
	if (status == 0)
		add(handle, kind);
	return status;
}

/* It goes before it is ended: then another may get its address. */
static int ended(int status, void *handle, enum object_kind kind, bool was_there)
{
	if (status != 0 && was_there)
		add(handle, kind);
	return status;
}

/* --- Standing in ------------------------------------------------------------------------ */

/* Hidden symbols (-fvisibility=hidden): for the cases, not for libhy's calls of itself. */

#define NEXT(name) next_##name = (__typeof__(&name))(uintptr_t)dlsym(RTLD_NEXT, #name)

int hy_report_create(const struct hy_host_options *options, struct hy_report **report)
{
	__typeof__(&hy_report_create) NEXT(hy_report_create);
	int status = next_hy_report_create(options, report);

	return added(status, status == 0 ? *report : NULL, REPORT);
}

void hy_report_destroy(struct hy_report *report)
{
	__typeof__(&hy_report_destroy) NEXT(hy_report_destroy);

	take(report, REPORT);
	next_hy_report_destroy(report);
}

int hy_host_open(const struct hy_host_options *options, struct hy_host **host)
{
	__typeof__(&hy_host_open) NEXT(hy_host_open);
	int status = next_hy_host_open(options, host);

	return added(status, status == 0 ? *host : NULL, HOST);
}

int hy_host_close(struct hy_host *host)
{
	__typeof__(&hy_host_close) NEXT(hy_host_close);
	bool was_there = take(host, HOST);

	return ended(next_hy_host_close(host), host, HOST, was_there);
}

int hy_vm_create(struct hy_host *host, const struct hy_vm_options *options, struct hy_vm **vm)
{
	__typeof__(&hy_vm_create) NEXT(hy_vm_create);
	int status = next_hy_vm_create(host, options, vm);

	return added(status, status == 0 ? *vm : NULL, VM);
}

int hy_vm_destroy(struct hy_vm *vm)
{
	__typeof__(&hy_vm_destroy) NEXT(hy_vm_destroy);
	bool was_there = take(vm, VM);

	return ended(next_hy_vm_destroy(vm), vm, VM, was_there);
}

int hy_vcpu_create(struct hy_vm *vm, const struct hy_vcpu_options *options, struct hy_vcpu **vcpu)
{
	__typeof__(&hy_vcpu_create) NEXT(hy_vcpu_create);
	int status = next_hy_vcpu_create(vm, options, vcpu);

	return added(status, status == 0 ? *vcpu : NULL, VCPU);
}

int hy_vcpu_destroy(struct hy_vcpu *vcpu)
{
	__typeof__(&hy_vcpu_destroy) NEXT(hy_vcpu_destroy);
	bool was_there = take(vcpu, VCPU);

	return ended(next_hy_vcpu_destroy(vcpu), vcpu, VCPU, was_there);
}

struct hy_vcpu *hy_vcpu_ref(struct hy_vcpu *vcpu)
{
	__typeof__(&hy_vcpu_ref) NEXT(hy_vcpu_ref);

	if (vcpu)
		add(vcpu, REFERENCE);
	return next_hy_vcpu_ref(vcpu);
}

void hy_vcpu_unref(struct hy_vcpu *vcpu)
{
	__typeof__(&hy_vcpu_unref) NEXT(hy_vcpu_unref);

	take(vcpu, REFERENCE);
	next_hy_vcpu_unref(vcpu);
}

/* --- Ending ------------------------------------------------------------------------------- */

/* Its owner may be a thread that is gone. */
static int end_vcpu(struct hy_vcpu *vcpu)
{
	int status = hy_vcpu_destroy(vcpu);

	if (status != HY_E_THREAD)
		return status;
	status = hy_vcpu_bind(vcpu);
	return status == 0 ? hy_vcpu_destroy(vcpu) : status;
}

static int end_object(const struct object *object)
{
	switch (object->kind) {
	case REFERENCE:
		hy_vcpu_unref(object->handle);
		return 0;
	case VCPU:
		return end_vcpu(object->handle);
	case VM:
		return hy_vm_destroy(object->handle);
	case HOST:
		return hy_host_close(object->handle);
	default:
		hy_report_destroy(object->handle);
		return 0;
	}
}

bool inject_end_objects(void)
{
	for (unsigned kind = REFERENCE; kind < OBJECT_KINDS; kind++) {
		for (size_t i = 0; i < MAX_OBJECTS; i++) {
			struct object object = objects[i];

			if (!object.handle || object.kind != kind || end_object(&object) == 0)
				continue;
			printf("ending an object: %s: %s\n", hy_status_name(hy_error()->code), hy_error()->text);
			return false;
		}
	}
	return true;
}
