#include "cli/track_tensors.h"

#include "core/check.h"
#include "io/safetensors_writer.h"

namespace facet::cli {

void TrackTensors::add(std::string name, const FrameMasks& masks) {
  FACET_CHECK(!masks.objects.empty(), "track tensors: there is no object");
  const Shape& full = masks.objects[0].logits.shape();
  FACET_CHECK(full.rank() == 2, "track tensors: the masks have no logits");
  const auto kept = [this](std::int64_t side) { return (side + stride_ - 1) / stride_; };
  Tensor out(Shape({std::int64_t(masks.objects.size()), kept(full[0]), kept(full[1])}));
  auto to = out.data<float>().begin();
  for (const ObjectMask& object : masks.objects) {
    FACET_CHECK(object.logits.shape() == full, "track tensors: masks differ in size");
    const auto from = object.logits.data<float>();
    for (std::int64_t y = 0; y < full[0]; y += stride_) {
      for (std::int64_t x = 0; x < full[1]; x += stride_) *to++ = from[std::size_t(y * full[1] + x)];
    }
  }
  names_.push_back(std::move(name));
  tensors_.push_back(std::move(out));
}

Status TrackTensors::write() const {
  std::vector<io::NamedTensor> named;
  for (std::size_t i = 0; i < names_.size(); ++i) named.push_back({names_[i], tensors_[i].view()});
  return io::write_safetensors(path_, named);
}

}  // namespace facet::cli
