/* SPDX-License-Identifier: MIT */
/*
 * Prints this machine's TSC frequency in kHz, for the kernel parameter
 * tsc_early_khz: QEMU hands the host's TSC through, and a kernel in an emulator
 * measures it badly.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>
#include <x86intrin.h>

struct sample {
	uint64_t tsc, ns;
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC_RAW, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

/* The tightest of some: one in which nothing came between the two clocks. */
static struct sample take(void)
{
	struct sample best = { 0, 0 };
	uint64_t narrowest = UINT64_MAX;

	for (int i = 0; i < 20; i++) {
		uint64_t before = __rdtsc(), ns = now(), width = __rdtsc() - before;

		if (width < narrowest) {
			narrowest = width;
			best = (struct sample){ before + width / 2, ns };
		}
	}
	return best;
}

int main(void)
{
	static const struct timespec pause = { 0, 100000000 };
	struct sample first = take(), last;

	nanosleep(&pause, NULL);
	last = take();
	printf("%.0f\n", (double)(last.tsc - first.tsc) * 1e6 / (double)(last.ns - first.ns));
	return 0;
}
