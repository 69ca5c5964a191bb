#include "io/onnx_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "io/checkpoint.h"
#include "io/onnx_bytes.h"

namespace facet::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

Status status_of(const Message& graph) {
  return Checkpoint::from_bytes(onnx_model(graph), "m.onnx").status();
}

TEST(OnnxReader, ReadsInitializersInEveryEncoding) {
  const Result<Checkpoint> model = Checkpoint::from_bytes(sample_onnx(), "sample");
  ASSERT_TRUE(model.ok()) << model.status().message();
  EXPECT_EQ(model->container(), "ONNX");
  EXPECT_EQ(model->tensors().size(), 6U);
  EXPECT_EQ(model->shape("raw"), Shape({2, 2}));
  EXPECT_THAT(model->read_float32("raw")->data<float>(), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(model->read_float32("floats")->data<float>(), ElementsAre(1, 2, 3));
  EXPECT_THAT(model->read_float32("unpacked")->data<float>(), ElementsAre(5, 6));
  EXPECT_THAT(model->read("integers")->data<std::int64_t>(), ElementsAre(-1, 0, 300));
  EXPECT_THAT(model->read_float32("halves")->data<float>(), ElementsAre(1, -2));
}

TEST(OnnxReader, ReadsTheValuesOfConstantNodes) {
  const Result<Checkpoint> model = Checkpoint::from_bytes(sample_onnx(), "sample");
  ASSERT_TRUE(model.ok());
  EXPECT_EQ(model->shape("/Constant_output_0"), Shape());
  EXPECT_THAT(model->read_float32("/Constant_output_0")->data<float>(), ElementsAre(7));
}

TEST(OnnxReader, ShowsTheGraphAndWhoMadeIt) {
  const Result<Checkpoint> model = Checkpoint::from_bytes(sample_onnx(), "sample");
  ASSERT_TRUE(model.ok());
  ASSERT_EQ(model->nodes().size(), 2U);
  const GraphNode& matmul = model->nodes()[1];
  EXPECT_EQ(matmul.op_type, "MatMul");
  EXPECT_EQ(matmul.name, "/fc/MatMul");
  EXPECT_THAT(matmul.inputs, ElementsAre("x", "raw"));
  EXPECT_THAT(matmul.outputs, ElementsAre("y"));
  EXPECT_EQ(model->metadata().at("producer"), "a test");
  EXPECT_EQ(model->metadata().at("key"), "value");
}

TEST(OnnxReader, RefusesExternalData) {
  const Message tensor = Message().varint(1, 4).varint(2, 1).bytes(8, "w").message(
      13, Message().bytes(1, "location").bytes(2, "/etc/passwd"));
  EXPECT_THAT(status_of(Message().message(5, tensor)).message(),
              HasSubstr("'w': its data lies in another file"));
  const Message location = Message().varint(1, 4).varint(2, 1).bytes(8, "w").varint(14, 1);
  EXPECT_THAT(status_of(Message().message(5, location)).message(), HasSubstr("in another file"));
}

TEST(OnnxReader, RefusesAShapeThatDoesNotFitTheData) {
  EXPECT_THAT(status_of(Message().message(5, float_initializer("w", {3}, {1, 2}))).message(),
              HasSubstr("'w': shape [3] of F32 takes 12 bytes, the file holds 8"));
  EXPECT_THAT(status_of(Message().message(5, float_initializer("w", {1ULL << 62, 16}, {}))).message(),
              HasSubstr("overflows"));
  EXPECT_THAT(status_of(Message().message(5, float_initializer("w", {~0ULL}, {}))).message(),
              HasSubstr("negative dimension"));
}

TEST(OnnxReader, RefusesElementTypesItDoesNotKnow) {
  const Message text = Message().varint(1, 1).varint(2, 8).bytes(8, "w").bytes(6, "hello");
  EXPECT_THAT(status_of(Message().message(5, text)).message(), HasSubstr("data type 8 is not supported"));
}

TEST(OnnxReader, RefusesTwoTensorsOfOneName) {
  const Message tensor = float_initializer("w", {1}, {1});
  EXPECT_THAT(status_of(Message().message(5, tensor).message(5, tensor)).message(), HasSubstr("twice"));
}

TEST(OnnxReader, BoundsWhatAFewBytesBecomeInMemory) {
  Message nodes;
  for (int i = 0; i <= 1 << 20; ++i) nodes.bytes(1, "");
  EXPECT_THAT(status_of(nodes).message(), HasSubstr("more than 1048576 nodes"));
  Message wide;
  for (int i = 0; i <= 4096; ++i) wide.bytes(1, "");
  EXPECT_THAT(status_of(Message().message(1, wide)).message(), HasSubstr("more than 4096 inputs"));
  const Message deep = Message().packed(1, std::vector<std::uint64_t>(100000, 1)).varint(2, 1).bytes(8, "w");
  EXPECT_THAT(status_of(Message().message(5, deep)).message(), HasSubstr("'w': shape has 7 dimensions"));
}

TEST(OnnxReader, RefusesADamagedGraph) {
  const std::vector<std::uint8_t> bytes = Message().varint(1, 8).bytes(7, "\x0A\xFF").file();
  EXPECT_THAT(Checkpoint::from_bytes(bytes, "m").status().message(), HasSubstr("the graph is damaged"));
  const std::vector<std::uint8_t> empty = Message().varint(1, 8).bytes(2, "x").file();
  EXPECT_THAT(Checkpoint::from_bytes(empty, "m").status().message(), HasSubstr("no graph"));
}

}  // namespace
}  // namespace facet::io
