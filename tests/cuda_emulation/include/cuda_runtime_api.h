#pragma once

#include "cuda_emulation/runtime_api.h"
