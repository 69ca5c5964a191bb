#pragma once

namespace facet {

/// For programs that run for hours: keeps large blocks out of malloc's heap, so that what is freed goes back
/// to the system.
///
/// glibc raises the size from which a block is mapped by itself to that of the largest block freed so far.
/// Pictures, embeddings and answers of a few megabytes then lie among small blocks, and the holes they leave
/// are seldom of the next one's size: the heap grows for hours. A fixed size ends that; it holds for the
/// whole process.
void keep_large_blocks_apart();

}  // namespace facet
