#include "io/tensor_record.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>

namespace facet::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Sizes = std::vector<std::int64_t>;

constexpr std::int64_t kHuge = std::numeric_limits<std::int64_t>::max();

class TensorRecordTest : public ::testing::Test {
 protected:
  TensorRecordTest() {
    for (int i = 0; i < 24; ++i) values_.push_back(static_cast<float>(i));
  }
  [[nodiscard]] Result<TensorRecord> view(const Sizes& dims, const Sizes& strides,
                                          std::int64_t offset) const {
    return view_storage({.dims = dims, .strides = strides, .offset = offset},
                        std::span(reinterpret_cast<const std::uint8_t*>(values_.data()), 96));
  }
  std::vector<float> values_;
};

TEST_F(TensorRecordTest, ReadsAThreeDimensionalTransposedView) {
  const Result<TensorRecord> record = view({2, 2, 3}, {1, 12, 4}, 1);
  ASSERT_TRUE(record.ok());
  EXPECT_FALSE(record->contiguous());
  EXPECT_THAT(copy_as_float32(*record).data<float>(), ElementsAre(1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22));
  EXPECT_THAT(copy_tensor(*record).data<float>(), ElementsAre(1, 5, 9, 13, 17, 21, 2, 6, 10, 14, 18, 22));
}

TEST_F(TensorRecordTest, ReadsScalarsEmptyTensorsAndExpandedOnes) {
  EXPECT_THAT(copy_as_float32(*view({}, {}, 23)).data<float>(), ElementsAre(23));
  EXPECT_EQ(copy_as_float32(*view({0, 3}, {3, 1}, 24)).shape(), Shape({0, 3}));
  EXPECT_THAT(copy_as_float32(*view({3}, {0}, 5)).data<float>(), ElementsAre(5, 5, 5));
}

TEST_F(TensorRecordTest, RefusesAViewThatLeavesItsStorage) {
  for (const Result<TensorRecord>& record :
       {view({25}, {1}, 0), view({1}, {1}, 24), view({2}, {24}, 0), view({1}, {1}, -1), view({}, {}, kHuge),
        view({2}, {kHuge}, 0), view({kHuge, 2}, {kHuge, 1}, 0), view({kHuge}, {1}, 1), view({0}, {1}, 25)}) {
    EXPECT_THAT(record.status().message(), HasSubstr("outside the storage of 24 elements"));
  }
}

TEST_F(TensorRecordTest, RefusesShapesThatAreNone) {
  EXPECT_THAT(view({2}, {-1}, 4).status().message(), HasSubstr("negative"));
  EXPECT_THAT(view({-2}, {1}, 4).status().message(), HasSubstr("negative"));
  EXPECT_THAT(view({2}, {1, 1}, 0).status().message(), HasSubstr("has strides [1, 1]"));
  EXPECT_THAT(view(Sizes(7, 1), Sizes(7, 1), 0).status().message(), HasSubstr("7 dimensions"));
}

TEST_F(TensorRecordTest, RefusesAViewThatRepeatsAFewElementsWithoutEnd) {
  EXPECT_THAT(view({1 << 13, 1 << 13}, {0, 0}, 0).status().message(), HasSubstr("too often"));
}

TEST_F(TensorRecordTest, ReadsElementsAtAnyAlignment) {
  std::vector<std::uint8_t> bytes(9);
  const double value = 0.5;
  std::memcpy(&bytes[1], &value, sizeof(value));
  const Sizes dims = {1};
  const Result<TensorRecord> record = view_contiguous(DType::Float64, dims, std::span(bytes).subspan(1));
  ASSERT_TRUE(record.ok());
  EXPECT_THAT(copy_as_float32(*record).data<float>(), ElementsAre(0.5F));
}

TEST_F(TensorRecordTest, ABoolIsZeroOrOneWhateverByteIsInTheFile) {
  const std::vector<std::uint8_t> bytes = {0, 1, 2, 255};
  const Sizes dims = {4};
  const Result<TensorRecord> record = view_contiguous(DType::Bool, dims, bytes);
  ASSERT_TRUE(record.ok());
  EXPECT_THAT(copy_tensor(*record).data<bool>(), ElementsAre(false, true, true, true));
  EXPECT_THAT(copy_as_float32(*record).data<float>(), ElementsAre(0, 1, 1, 1));
}

}  // namespace
}  // namespace facet::io
