/* SPDX-License-Identifier: MIT */
/*
 * Managed vCPUs: a thread each, which does what the program's calls ask for.
 * The caller has entered the vCPU, so there is one job at a time.
 */
#include <stdlib.h>

#include "internal.h"

struct hy__managed {
	struct hy__mutex lock;
	struct hy__cond changed; /* there is a job, or it is done */
	struct hy__thread thread;
	struct hy_vcpu *vcpu;
	hy__vcpu_job *job; /* NULL: none, or done */
	void *arg;
	int status;
	bool ending;
	max_align_t error[]; /* hy_error() of a job that failed */
};

static void run_job(struct hy__managed *managed)
{
	int status;

	hy__mutex_unlock(&managed->lock);
	status = managed->job(managed->vcpu, managed->arg);
	hy__mutex_lock(&managed->lock);
	if (status < 0)
		hy__error_save(managed->error);
	managed->status = status;
	managed->job = NULL;
	hy__cond_broadcast(&managed->changed);
}

static void managed_main(void *arg)
{
	struct hy__managed *managed = arg;

	hy__mutex_lock(&managed->lock);
	while (!managed->ending) {
		if (managed->job)
			run_job(managed);
		else
			hy__cond_wait(&managed->changed, &managed->lock, UINT64_MAX);
	}
	hy__mutex_unlock(&managed->lock);
}

int hy__managed_do(struct hy_vcpu *vcpu, hy__vcpu_job *job, void *arg)
{
	struct hy__managed *managed = vcpu->managed;
	int status;

	hy__mutex_lock(&managed->lock);
	managed->arg = arg;
	managed->job = job;
	hy__cond_broadcast(&managed->changed);
	while (managed->job)
		hy__cond_wait(&managed->changed, &managed->lock, UINT64_MAX);
	status = managed->status;
	if (status < 0)
		hy__error_restore(managed->error);
	hy__mutex_unlock(&managed->lock);
	return status;
}

int hy__managed_start(struct hy_vcpu *vcpu)
{
	struct hy__managed *managed = calloc(1, sizeof(*managed) + hy__error_size);

	if (!managed)
		return hy__fail_nomem("managed vCPU");
	managed->vcpu = vcpu;
	if (hy__mutex_init(&managed->lock) != 0)
		goto err_free;
	if (hy__cond_init(&managed->changed) != 0)
		goto err_destroy_lock;
	if (hy__thread_start(&managed->thread, managed_main, managed) != 0)
		goto err_destroy_cond;
	vcpu->managed = managed;
	return 0;

err_destroy_cond:
	hy__cond_destroy(&managed->changed);
err_destroy_lock:
	hy__mutex_destroy(&managed->lock);
err_free:
	free(managed);
	return hy__fail_nomem("the thread of a managed vCPU");
}

void hy__managed_end(struct hy_vcpu *vcpu)
{
	struct hy__managed *managed = vcpu->managed;

	hy__mutex_lock(&managed->lock);
	managed->ending = true;
	hy__cond_broadcast(&managed->changed);
	hy__mutex_unlock(&managed->lock);
	hy__thread_join(&managed->thread);
	hy__cond_destroy(&managed->changed);
	hy__mutex_destroy(&managed->lock);
	free(managed);
	vcpu->managed = NULL;
}
