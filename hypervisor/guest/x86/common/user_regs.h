/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A vCPU's general registers to and from the form that tools see. Selectors and flags have their own rules for each kind of guest. */
#pragma once
#include <guest/x86/common/x86_domain.h>

static inline void general_to_user(struct cpu_user_regs *u, const struct x86_regs *r)
{
    u->r15 = r->r15;
    u->r14 = r->r14;
    u->r13 = r->r13;
    u->r12 = r->r12;
    u->rbp = r->rbp;
    u->rbx = r->rbx;
    u->r11 = r->r11;
    u->r10 = r->r10;
    u->r9 = r->r9;
    u->r8 = r->r8;
    u->rax = r->rax;
    u->rcx = r->rcx;
    u->rdx = r->rdx;
    u->rsi = r->rsi;
    u->rdi = r->rdi;
    u->rip = r->rip;
    u->rsp = r->rsp;
}

static inline void general_from_user(struct x86_regs *r, const struct cpu_user_regs *u)
{
    r->r15 = u->r15;
    r->r14 = u->r14;
    r->r13 = u->r13;
    r->r12 = u->r12;
    r->rbp = u->rbp;
    r->rbx = u->rbx;
    r->r11 = u->r11;
    r->r10 = u->r10;
    r->r9 = u->r9;
    r->r8 = u->r8;
    r->rax = u->rax;
    r->rcx = u->rcx;
    r->rdx = u->rdx;
    r->rsi = u->rsi;
    r->rdi = u->rdi;
    r->rip = u->rip;
    r->rsp = u->rsp;
}
