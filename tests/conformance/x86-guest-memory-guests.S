/* SPDX-License-Identifier: MIT */
#include "guest.S.h"

/* Tells the dword at DATA, then writes the next. */
GUEST(memory_shared)
	.code64
	mov	0x4000, %eax
	out	%eax, $0x42
	movl	$0x89abcdef, 0x4004
	hlt
END(memory_shared)

/* Reads, writes and reads a byte at DATA, again and again. */
GUEST(memory_touch)
	.code64
	mov	$0x4000, %ebx
again:
	mov	(%rbx), %al
	out	%al, $0x42
	movb	$0x77, (%rbx)
	out	%al, $0x43
	jmp	again
END(memory_touch)

/* The same at HOLE. */
GUEST(memory_touch_hole)
	.code64
	mov	$0x200000, %ebx
again_hole:
	mov	(%rbx), %al
	out	%al, $0x42
	movb	$0x77, (%rbx)
	out	%al, $0x43
	jmp	again_hole
END(memory_touch_hole)

/* A read-modify-write at DATA. */
GUEST(memory_add)
	.code64
	addb	$5, 0x4000
	hlt
END(memory_add)

/* Overwrites the byte that it loads into %al further on. */
GUEST(memory_self_modifying)
	.code64
	movb	$0x22, AT(memory_self_modifying, patched) + 1
	jmp	patched
patched:
	mov	$0x11, %al
	out	%al, $0x42
	hlt
END(memory_self_modifying)

/* Calls the code at DATA for ever. */
GUEST(memory_call_data)
	.code64
	mov	$0x4000, %ebx
call_again:
	call	*%rbx
	out	%al, $0x42
	jmp	call_again
END(memory_call_data)

/* For DATA: mov $0x11, %al; ret. */
GUEST(memory_callee)
	.code64
	mov	$0x11, %al
	ret
END(memory_callee)

/* To where %rbx points. */
GUEST(memory_jump)
	.code64
	jmp	*%rbx
END(memory_jump)

/* Reads and writes where %rbx points. */
GUEST(memory_far)
	.code64
	mov	(%rbx), %eax
	out	%eax, $0x42
	movl	$0x13572468, 4(%rbx)
	hlt
END(memory_far)

/* Reads the pages before, at and after DATA + 0x1000 for ever. */
GUEST(memory_neighbours)
	.code64
look_again:
	mov	0x4000, %al
	mov	0x5000, %al
	mov	0x6000, %al
	jmp	look_again
END(memory_neighbours)

/* Adds 1 to the byte at the start of each of 16 pages from 0x40000 on, then tells. */
GUEST(memory_sweep)
	.code64
sweep_again:
	mov	$0x40000, %ebx
sweep_next:
	mov	(%rbx), %al
	inc	%al
	mov	%al, (%rbx)
	add	$0x1000, %rbx
	cmp	$0x50000, %rbx
	jb	sweep_next
	out	%al, $0x42
	jmp	sweep_again
END(memory_sweep)
