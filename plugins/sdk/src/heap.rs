//! The memory of an instance, which lives for one question.
//!
//! The allocator is the standard library's own, but for its first pages: they are part of the module. To grow
//! a memory costs the host two changes of its address space for every question, one to open the pages and one
//! to close them for the next instance, and for those all cores wait for each other. What does not fit into the
//! first pages grows as usual.

#![expect(unsafe_code, reason = "an allocator answers for the memory that it hands out")]

use core::alloc::{GlobalAlloc, Layout};
use core::arch::wasm32::memory_grow;
use core::cell::{Cell, UnsafeCell};
use core::ptr::null_mut;
use dlmalloc::{Allocator, Dlmalloc};

#[global_allocator]
static HEAP: Heap = Heap(UnsafeCell::new(Dlmalloc::new_with_allocator(Pages { are_first: Cell::new(true) })));

/// Bytes of a page of WebAssembly, and what the allocator asks for first.
const PAGE: usize = 64 << 10;

/// With the stack and the texts of a policy it makes four pages, in which most questions have room.
#[repr(align(16))]
struct First(UnsafeCell<[u8; PAGE]>);

static FIRST: First = First(UnsafeCell::new([0; PAGE]));

struct Heap(UnsafeCell<Dlmalloc<Pages>>);

struct Pages {
    are_first: Cell<bool>,
}

// SAFETY: a policy has one thread.
unsafe impl Sync for First {}
// SAFETY: as above.
unsafe impl Sync for Heap {}

// SAFETY: each call is passed on; none is made while another lasts, because `Pages` allocates nothing.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).malloc(layout.size(), layout.align()) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        unsafe { (*self.0.get()).calloc(layout.size(), layout.align()) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        unsafe { (*self.0.get()).free(at, layout.size(), layout.align()) }
    }

    unsafe fn realloc(&self, at: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        unsafe { (*self.0.get()).realloc(at, layout.size(), layout.align(), size) }
    }
}

// SAFETY: what it gives out is zero, nobody else's, and never taken back.
unsafe impl Allocator for Pages {
    fn alloc(&self, size: usize) -> (*mut u8, usize, u32) {
        if size <= PAGE && self.are_first.replace(false) {
            return (FIRST.0.get().cast(), PAGE, 0);
        }
        let pages = size.div_ceil(PAGE);
        match memory_grow::<0>(pages) {
            usize::MAX => (null_mut(), 0, 0),
            before => ((before * PAGE) as *mut u8, pages * PAGE, 0),
        }
    }

    fn remap(&self, _: *mut u8, _: usize, _: usize, _: bool) -> *mut u8 {
        null_mut()
    }

    fn free_part(&self, _: *mut u8, _: usize, _: usize) -> bool {
        false
    }

    fn free(&self, _: *mut u8, _: usize) -> bool {
        false
    }

    fn can_release_part(&self, _: u32) -> bool {
        false
    }

    fn allocates_zeros(&self) -> bool {
        true
    }

    fn page_size(&self) -> usize {
        PAGE
    }
}
