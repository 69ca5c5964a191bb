#pragma once

/// The part of NVIDIA's CUDA runtime and device language that the project uses, on the CPU. See control.h for
/// what the emulator adds.

#include "cuda_emulation/control.h"
#include "cuda_emulation/device_functions.h"
#include "cuda_emulation/execution.h"
#include "cuda_emulation/runtime_api.h"
#include "cuda_emulation/vector_types.h"
