#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace facet {

/// The arithmetic of a model's image encoder and memory. Prompts and masks are decoded in float32, but for
/// products with a picture of SAM or MobileSAM, in bfloat16 in models of another precision where the
/// processor has AMX.
enum class Precision : std::uint8_t {
  Fp32,  ///< float32, the reference
  Bf16,  ///< products of bfloat16, summed in float32
  Int8,  ///< weights of 8 bits with a scale a channel, activations of 8 bits with a scale a token; else as
         ///< Bf16
  Auto   ///< the fastest of these on this processor
};

/// "fp32", "bf16", "int8", "auto"
[[nodiscard]] std::string_view precision_name(Precision precision);
/// The inverse of precision_name; nothing for an unknown name.
[[nodiscard]] std::optional<Precision> precision_from_name(std::string_view name);
/// Whether this processor has instructions for it: without them it gives the same results, but slowly.
[[nodiscard]] bool runs_fast(Precision precision);
/// `precision` itself, or what Auto stands for on this processor.
[[nodiscard]] Precision resolved(Precision precision);

}  // namespace facet
