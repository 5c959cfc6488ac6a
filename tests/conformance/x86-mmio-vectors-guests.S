/* SPDX-License-Identifier: MIT */
/* RBX points to MMIO, RSI to RAM that takes what was loaded, and RDI to what is stored. */
#include "guest.S.h"

/* --- SSE and MMX ------------------------------------------------------------------ */

GUEST(vectors_movups)
	.code64
	movups	(%rbx), %xmm0
	movups	%xmm0, (%rsi)
	movups	(%rdi), %xmm1
	movups	%xmm1, (%rbx)
	hlt
END(vectors_movups)

GUEST(vectors_loads)
	.code64
	movaps	(%rbx), %xmm0
	movupd	(%rbx), %xmm1
	movapd	(%rbx), %xmm7
	movdqu	(%rbx), %xmm8
	movdqa	(%rbx), %xmm9
	movups	%xmm0, (%rsi)
	movups	%xmm1, 16(%rsi)
	movups	%xmm7, 32(%rsi)
	movups	%xmm8, 48(%rsi)
	movups	%xmm9, 64(%rsi)
	hlt
END(vectors_loads)

GUEST(vectors_stores)
	.code64
	movups	(%rdi), %xmm0
	movaps	%xmm0, (%rbx)
	movupd	%xmm0, (%rbx)
	movapd	%xmm0, (%rbx)
	movdqu	%xmm0, (%rbx)
	movdqa	%xmm0, (%rbx)
	movntps	%xmm0, (%rbx)
	movntpd	%xmm0, (%rbx)
	movntdq	%xmm0, (%rbx)
	hlt
END(vectors_stores)

/* A load of a scalar clears the rest of the register. */
GUEST(vectors_scalar_loads)
	.code64
	movups	(%rdi), %xmm0
	movups	(%rdi), %xmm1
	movups	(%rdi), %xmm2
	movups	(%rdi), %xmm3
	movss	(%rbx), %xmm0
	movsd	(%rbx), %xmm1
	movd	(%rbx), %xmm2
	movq	(%rbx), %xmm3
	movups	%xmm0, (%rsi)
	movups	%xmm1, 16(%rsi)
	movups	%xmm2, 32(%rsi)
	movups	%xmm3, 48(%rsi)
	hlt
END(vectors_scalar_loads)

GUEST(vectors_scalar_stores)
	.code64
	movups	(%rdi), %xmm0
	movss	%xmm0, (%rbx)
	movsd	%xmm0, (%rbx)
	movd	%xmm0, (%rbx)
	movq	%xmm0, (%rbx)
	hlt
END(vectors_scalar_stores)

/* A load of a half keeps the other. */
GUEST(vectors_halves)
	.code64
	movups	(%rdi), %xmm0
	movups	(%rdi), %xmm1
	movlps	(%rbx), %xmm0
	movhps	(%rbx), %xmm1
	movups	%xmm0, (%rsi)
	movups	%xmm1, 16(%rsi)
	movlpd	(%rbx), %xmm1
	movhpd	(%rbx), %xmm0
	movups	%xmm0, 32(%rsi)
	movups	%xmm1, 48(%rsi)
	movups	(%rdi), %xmm0
	movlps	%xmm0, (%rbx)
	movhps	%xmm0, (%rbx)
	movlpd	%xmm0, (%rbx)
	movhpd	%xmm0, (%rbx)
	hlt
END(vectors_halves)

GUEST(vectors_sse3)
	.code64
	lddqu	(%rbx), %xmm0
	movups	%xmm0, (%rsi)
	movddup	(%rbx), %xmm0
	movups	%xmm0, 16(%rsi)
	hlt
END(vectors_sse3)

GUEST(vectors_movntdqa)
	.code64
	movntdqa (%rbx), %xmm0
	movups	%xmm0, (%rsi)
	hlt
END(vectors_movntdqa)

GUEST(vectors_mmx)
	.code64
	movq	(%rbx), %mm0
	movq	%mm0, 8(%rbx)
	movd	(%rbx), %mm1
	movd	%mm1, (%rbx)
	movntq	%mm0, (%rbx)
	hlt
END(vectors_mmx)

GUEST(vectors_user)
	.code64
	movups	(%rbx), %xmm0
	movss	(%rbx), %xmm1
	movaps	%xmm0, (%rbx)
	movss	%xmm1, (%rbx)
	nop
END(vectors_user)

/* --- AVX -------------------------------------------------------------------------- */

GUEST(vectors_avx_loads)
	.code64
	vmovups	(%rbx), %xmm0
	vmovups	(%rbx), %ymm1
	vmovaps	(%rbx), %ymm8
	vmovdqu	(%rbx), %ymm2
	vmovdqa	(%rbx), %xmm9
	vmovups	%ymm0, (%rsi)
	vmovups	%ymm1, 32(%rsi)
	vmovups	%ymm8, 64(%rsi)
	vmovups	%ymm2, 96(%rsi)
	vmovups	%ymm9, 128(%rsi)
	hlt
END(vectors_avx_loads)

GUEST(vectors_avx_stores)
	.code64
	vmovups	(%rdi), %ymm0
	vmovups	%xmm0, (%rbx)
	vmovups	%ymm0, (%rbx)
	vmovapd	%ymm0, (%rbx)
	vmovdqu	%ymm0, (%rbx)
	vmovntps %ymm0, (%rbx)
	vmovntdq %xmm0, (%rbx)
	hlt
END(vectors_avx_stores)

GUEST(vectors_avx_scalars)
	.code64
	vmovups	(%rdi), %ymm0
	vmovups	(%rdi), %ymm1
	vmovss	(%rbx), %xmm0
	vmovsd	(%rbx), %xmm1
	vmovups	%ymm0, (%rsi)
	vmovups	%ymm1, 32(%rsi)
	vmovups	(%rdi), %ymm2
	vmovd	%xmm2, (%rbx)
	vmovq	%xmm2, (%rbx)
	vmovhps	%xmm2, (%rbx)
	hlt
END(vectors_avx_scalars)

GUEST(vectors_avx_load)
	.code64
	vmovups	(%rbx), %ymm0
	vmovups	%ymm0, (%rsi)
	hlt
END(vectors_avx_load)

/* --- Amid an instruction ---------------------------------------------------------- */

GUEST(vectors_scalar)
	.code64
	movss	(%rbx), %xmm0
	movss	%xmm0, (%rsi)
	hlt
END(vectors_scalar)

/* --- What isn't there ------------------------------------------------------------- */

GUEST(vectors_misaligned)
	.code64
	movaps	%xmm0, 8(%rbx)
	hlt
END(vectors_misaligned)

/* The handler is as below, without an error code. */
GUEST(vectors_step)
	.code64
	movss	(%rbx), %xmm0
	hlt
	.org	SYMBOL(guest_vectors_step) + 0x40
	pop	%rdx
	movss	%xmm0, (%rsi)
	hlt
END(vectors_step)

/* The handler takes the error code and ends. */
GUEST(vectors_fault)
	.code64
	movss	%xmm0, (%rbx)
	hlt
	.org	SYMBOL(guest_vectors_fault) + 0x40
	pop	%rax
	mov	%cr2, %rcx
	pop	%rdx
	hlt
END(vectors_fault)

/* --- Whether the processor has them, without memory -------------------------------- */

GUEST(vectors_try_sse3)
	.code64
	movddup	%xmm0, %xmm0
	hlt
END(vectors_try_sse3)

GUEST(vectors_try_sse41)
	.code64
	ptest	%xmm0, %xmm0
	hlt
END(vectors_try_sse41)

GUEST(vectors_try_avx)
	.code64
	vmovaps	%ymm0, %ymm0
	hlt
END(vectors_try_avx)
