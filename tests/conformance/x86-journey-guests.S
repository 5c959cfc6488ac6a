/* SPDX-License-Identifier: MIT */
#include "guest.S.h"

/*
 * From the reset vector to the kernel, and on to user mode and back: real mode,
 * protected mode, paging, compatibility mode, 64-bit mode; exceptions and INT
 * through the IDT, from user mode with a change of stack; SYSCALL and SYSRET.
 *
 * It begins at the start of a ROM below 4 GiB, copies itself to CODE, asks port 0xeb
 * for its way, and tells how far it is: port 0xe9 takes a letter, 0xea and 0xec take
 * what belongs to it.
 */
#define LETTER 0xe9
#define DETAIL 0xea
#define WAY 0xeb
#define ADDRESS 0xec

/* Bits of the way. */
#define BY_PAGING32 1 /* in protected mode, before the tables of long mode */
#define TO_USER 2

/* What it sets up below 1 MiB; each page table has a page. */
#define KERNEL_STACK 0x9000
#define USER_STACK 0x8000
#define TSS 0xc000
#define PML4 0x10000
#define PDPT 0x11000
#define PD 0x12000
#define PT 0x13000
#define PD32 0x14000 /* of 32-bit paging */
#define PT32 0x15000

/* Where 32-bit paging has the first 4 MiB once more, by one large page. */
#define ALIAS 0x400000

/* Pages for the page faults; the others are the user's to read and write. */
#define ABSENT 0x4000
#define SUPERVISOR 0x5000
#define READ_ONLY 0x6000

#define KERNEL_CS 0x18
#define KERNEL_SS 0x20
#define USER_BASE 0x28 /* of SYSRET: SS is 8 above, CS 16 */
#define USER_DS 0x33
#define TSS_SELECTOR 0x40

#define GATE 0x8e0000180000      /* interrupt gate to KERNEL_CS, DPL 0 */
#define USER_GATE 0xee0000180000 /* DPL 3 */
#define GATE32 0x8e0000080000    /* to the 32-bit code segment */

#define HERE(label) AT(journey, label)

GUEST(journey)
	.code16
	cli
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$KERNEL_STACK, %sp
	cld
	xor	%si, %si
	mov	$0x1000, %di
	mov	$(journey_end - guest_journey), %cx
	rep movsb %cs:(%si), %es:(%di)
	ljmp	$0, $HERE(real)
real:
	in	$WAY, %al
	mov	%al, HERE(way)
	mov	$'R', %al
	out	%al, $LETTER
	lgdtl	HERE(gdtr)
	mov	%cr0, %eax
	and	$0x9fffffff, %eax	/* CD and NW go */
	or	$1, %eax
	mov	%eax, %cr0
	ljmpl	$8, $HERE(protected)

	.code32
protected:
	mov	$0x10, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %ss
	mov	$KERNEL_STACK, %esp
	mov	$'P', %al
	out	%al, $LETTER

	testb	$BY_PAGING32, HERE(way)
	jz	make_tables

	/* 32-bit paging: page faults, accessed and dirty bits, a large page. */
	movl	$(PT32 + 7), PD32
	movl	$0x83, PD32 + ALIAS / 0x400000 * 4
	mov	$7, %eax
	mov	$PT32, %edi
next_page32:
	stosl
	add	$0x1000, %eax
	cmp	$(0x400000 + 7), %eax
	jne	next_page32
	movl	$0, PT32 + ABSENT / 0x1000 * 4
	movl	$(READ_ONLY + 5), PT32 + READ_ONLY / 0x1000 * 4
	lidtl	HERE(idtr32)
	mov	$PD32, %eax
	mov	%eax, %cr3
	mov	$0x10, %eax		/* PSE */
	mov	%eax, %cr4
	mov	$0x80010033, %eax	/* PG WP NE ET MP PE */
	mov	%eax, %cr0
	movl	$3, ABSENT + 8
	movl	$4, READ_ONLY + 8
	mov	PT32 + ABSENT / 0x1000 * 4, %eax
	out	%eax, $DETAIL
	mov	ALIAS + ABSENT + 8, %eax
	out	%eax, $DETAIL
	mov	$0x33, %eax
	mov	%eax, %cr0

make_tables:
	xor	%eax, %eax
	mov	$PML4, %edi
	mov	$(4 * 0x1000 / 4), %ecx
	rep stosl
	movl	$(PDPT + 7), PML4
	movl	$(PD + 7), PDPT
	movl	$(PT + 7), PD
	mov	$7, %eax
	mov	$PT, %edi
next_page:
	mov	%eax, (%edi)
	add	$8, %edi
	add	$0x1000, %eax
	cmp	$(0x200000 + 7), %eax
	jne	next_page
	movl	$0, PT + ABSENT / 0x1000 * 8
	movl	$(SUPERVISOR + 3), PT + SUPERVISOR / 0x1000 * 8
	movl	$(READ_ONLY + 5), PT + READ_ONLY / 0x1000 * 8

	mov	$PML4, %eax
	mov	%eax, %cr3
	mov	$0x20, %eax		/* PAE */
	mov	%eax, %cr4
	mov	$0xc0000080, %ecx	/* EFER: NXE, LME, SCE */
	mov	$0x901, %eax
	xor	%edx, %edx
	wrmsr
	mov	$0x80010033, %eax	/* PG WP NE ET MP PE */
	mov	%eax, %cr0
	jmp	compatible
compatible:
	mov	$'C', %al
	out	%al, $LETTER
	ljmp	$KERNEL_CS, $HERE(long)

	.code64
long:
	mov	$KERNEL_SS, %eax
	mov	%eax, %ss
	mov	$USER_DS, %eax
	mov	%eax, %ds
	mov	%eax, %es
	mov	%eax, %fs
	mov	%eax, %gs
	mov	$'L', %al
	out	%al, $LETTER
	lidt	HERE(idtr)
	movq	$KERNEL_STACK, TSS + 4	/* RSP0 */
	mov	$TSS_SELECTOR, %eax
	ltr	%ax

	/* Exceptions without a change of stack. */
	int3
	ud2
	xor	%edx, %edx
	xor	%ecx, %ecx
	div	%ecx
	int	$0x80
	mov	ABSENT + 8, %rax
	movq	$1, ABSENT + 16
	movq	$2, READ_ONLY + 8
	incq	ABSENT + 16
	mov	ABSENT + 16, %rax
	out	%eax, $DETAIL
	testb	$TO_USER, HERE(way)
	jz	finish

	mov	$0xc0000081, %ecx	/* STAR */
	xor	%eax, %eax
	mov	$(USER_BASE << 16 | KERNEL_CS), %edx
	wrmsr
	mov	$0xc0000082, %ecx	/* LSTAR */
	mov	$HERE(system_call), %eax
	xor	%edx, %edx
	wrmsr
	mov	$0xc0000084, %ecx	/* FMASK: all but the fixed one */
	mov	$0x47fd5, %eax
	wrmsr
	mov	$HERE(user), %ecx
	mov	$0x203, %r11d		/* IF CF */
	mov	$USER_STACK, %esp
	sysretq

user:
	/* The flags that SYSRET gave; the ways into the kernel; what only the kernel may. */
	pushfq
	pop	%rdi
	int	$0x80
	int3
	xor	%eax, %eax
	syscall
after_call:
	hlt
	ud2
	mov	SUPERVISOR + 8, %rbx
	movq	$0x77, READ_ONLY + 16
	movb	$0, 0x200000		/* beyond what is mapped */
beyond:
	mov	$1, %eax
	syscall
	ud2

	/* Tells what it got, and goes back or ends. */
system_call:
	mov	%eax, %ebx
	mov	$'S', %al
	out	%al, $LETTER
	mov	%edi, %eax
	out	%eax, $DETAIL
	mov	%r11d, %eax
	out	%eax, $DETAIL
	test	%ebx, %ebx
	jnz	finish
	lea	-HERE(after_call)(%rcx), %eax
	out	%eax, $ADDRESS
	sysretq

finish:
	mov	READ_ONLY + 16, %rdx
	mov	ABSENT + 16, %rsi
	mov	$KERNEL_STACK, %esp
	movabs	$0x1122334455667788, %r15
	lea	(%r15,%r15), %r14
	xor	%r13d, %r13d
	pushq	$0x246
	popfq
	cli
	hlt

	/* The handlers.  Who skips an instruction adds its length to the RIP on the stack. */
breakpoint:
	mov	$'B', %al
	out	%al, $LETTER
	jmp	tell_origin
undefined:
	mov	$'U', %al
	out	%al, $LETTER
	addq	$2, (%rsp)
	jmp	tell_origin
divide:
	mov	$'D', %al
	out	%al, $LETTER
	addq	$2, (%rsp)
	iretq
interrupt:
	mov	$'I', %al
	out	%al, $LETTER
tell_origin:
	mov	8(%rsp), %eax		/* CS */
	out	%eax, $DETAIL
	mov	24(%rsp), %eax		/* RSP */
	out	%eax, $ADDRESS
	iretq
protection:
	mov	$'G', %al
	out	%al, $LETTER
	pop	%rax
	out	%eax, $DETAIL
	incq	(%rsp)
	iretq

	/* Tells the error code and the address, and maps the page for all; beyond PT it skips the MOVB. */
page_fault:
	mov	$'F', %al
	out	%al, $LETTER
	pop	%rax
	out	%eax, $DETAIL
	mov	%cr2, %rax
	out	%eax, $ADDRESS
	cmp	$0x200000, %rax
	jae	skip
	mov	%rax, %rbp
	shr	$12, %rbp
	and	$~0xfff, %eax
	or	$7, %eax
	mov	%rax, PT(,%rbp,8)
	invlpg	(%rax)
	iretq
skip:
	movq	$HERE(beyond), (%rsp)
	iretq

	.code32
page_fault32:
	mov	$'F', %al
	out	%al, $LETTER
	pop	%eax
	out	%eax, $DETAIL
	mov	%cr2, %eax
	out	%eax, $ADDRESS
	mov	%eax, %ebp
	shr	$12, %ebp
	and	$~0xfff, %eax
	or	$7, %eax
	mov	%eax, PT32(,%ebp,4)
	invlpg	(%eax)
	iret

way:
	.byte	0
	.balign 16
gdt:
	.quad	0, 0x00cf9b000000ffff, 0x00cf93000000ffff	/* 08 and 10: 32 bits */
	.quad	0x00af9b000000ffff, 0x00cf93000000ffff		/* 18 and 20: kernel */
	.quad	0x00cffb000000ffff, 0x00cff3000000ffff		/* 28 and 30: user */
	.quad	0x00affb000000ffff				/* 38: user, 64 bits */
	.quad	0x00008900c0000067, 0				/* 40: TSS */
gdtr:
	.word	gdtr - gdt - 1
	.long	HERE(gdt)
idtr:
	.word	idt_end - idt - 1
	.quad	HERE(idt)
idtr32:
	.word	idt32_end - idt32 - 1
	.long	HERE(idt32)
	.balign 16
idt32:
	.skip	14 * 8
	.quad	HERE(page_fault32) + GATE32
idt32_end:
	.balign 16
idt:
	.quad	HERE(divide) + GATE, 0
	.skip	2 * 16
	.quad	HERE(breakpoint) + USER_GATE, 0
	.skip	2 * 16
	.quad	HERE(undefined) + GATE, 0
	.skip	6 * 16
	.quad	HERE(protection) + GATE, 0
	.quad	HERE(page_fault) + GATE, 0
	.skip	(0x80 - 15) * 16
	.quad	HERE(interrupt) + USER_GATE, 0
idt_end:
journey_end:
END(journey)
