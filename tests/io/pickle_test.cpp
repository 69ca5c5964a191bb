#include "io/pickle.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "io/state_dict.h"

namespace facet::io {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using Kind = PickleValue::Kind;

Result<Pickle> run(const std::string& program) {
  ByteCursor cursor(std::span(reinterpret_cast<const std::uint8_t*>(program.data()), program.size()));
  return read_pickle(cursor, "test");
}

std::string text(const std::string& value) {
  return std::string("\x8c") + static_cast<char>(value.size()) + value;
}

std::string little_endian(std::uint32_t value) {
  return {reinterpret_cast<const char*>(&value), sizeof(value)};
}

// A float tensor of one element in storage "0".
std::string tensor() {
  const std::string storage =
      "(" + text("storage") + "ctorch\nFloatStorage\n" + text("0") + text("cpu") + "K\x01tQ";
  return "ctorch._utils\n_rebuild_tensor_v2\n(" + storage + std::string("K\0", 2) +
         "K\x01\x85K\x01\x85\x89"
         "ccollections\nOrderedDict\n)RtR";
}

// The names of the state dict that `program` builds.
std::vector<std::string> weight_names(const std::string& program) {
  const Result<Pickle> pickle = run(program);
  EXPECT_TRUE(pickle.ok()) << pickle.status().message();
  std::vector<std::string> names;
  if (!pickle.ok()) return names;
  for (const auto& [name, tensor] : find_state_dict(*pickle).tensors) names.emplace_back(name);
  return names;
}

std::string message(const std::string& program) { return run(program).status().message(); }

TEST(Pickle, ReadsNumbersOfEverySize) {
  const std::string numbers = std::string("(K\xFF") + "M\x01\x02" + "J\xFF\xFF\xFF\xFF" +
                              std::string("\x8a\0", 2) + std::string("\x8a\x02\x00\xFF", 4) +
                              std::string("G\x3F\xF8\0\0\0\0\0\0", 9) + "\x88\x89N" + "t.";
  const Result<Pickle> pickle = run(numbers);
  ASSERT_TRUE(pickle.ok()) << pickle.status().message();
  const PickleValue& tuple = pickle->at(pickle->root);
  const auto integer = [&](int i) { return pickle->at(tuple.items[i]).integer; };
  EXPECT_EQ(integer(0), 255);
  EXPECT_EQ(integer(1), 513);
  EXPECT_EQ(integer(2), -1);
  EXPECT_EQ(integer(3), 0);
  EXPECT_EQ(integer(4), -256);
  EXPECT_EQ(pickle->at(tuple.items[5]).number, 1.5);
  EXPECT_EQ(integer(6), 1);
  EXPECT_EQ(pickle->at(tuple.items[8]).kind, Kind::None);
}

TEST(Pickle, ReadsTheOpcodesOfProtocolFour) {
  const std::string program = std::string("\x80\x04\x95\x20\0\0\0\0\0\0\0", 11) + "}\x94" + text("a") +
                              "\x94" + text("collections") + text("OrderedDict") + "\x93)R\x94s.";
  const Result<Pickle> pickle = run(program);
  ASSERT_TRUE(pickle.ok()) << pickle.status().message();
  EXPECT_EQ(pickle->at(pickle->root).items.size(), 2U);
}

TEST(Pickle, RefusesAnyNameOutsideTheWhitelistAndSaysWhere) {
  EXPECT_THAT(message("}cos\nsystem\n."), HasSubstr("test, byte 1: the file asks for 'os.system'"));
  EXPECT_THAT(message("cbuiltins\neval\n."), HasSubstr("'builtins.eval'"));
  EXPECT_THAT(message("ctorch.storage\n_load_from_bytes\n."), HasSubstr("_load_from_bytes"));
  EXPECT_THAT(message(text("os") + text("system") + "\x93."), HasSubstr("'os.system'"));
  EXPECT_THAT(message("cos\nsystem\n."), HasSubstr("nothing was executed"));
}

TEST(Pickle, RefusesTheOpcodesThatFindOrCallInOtherWays) {
  for (const std::string opcode : {"i", "o", "\x82", "\x83", "\x84", "P", "\x92", "\x97", "\x98", "2"}) {
    EXPECT_THAT(message(opcode + "os\nsystem\n."), HasSubstr("nothing was executed")) << int(opcode[0]);
  }
}

TEST(Pickle, ShowsHostileNamesWithoutTheirControlCharacters) {
  EXPECT_THAT(message("c\x1b[2Jos\nsys\xFFtem\n."), HasSubstr("'?[2Jos.sys?tem'"));
}

TEST(Pickle, CallsNothingThatIsNotACallable) {
  EXPECT_THAT(message("K\x01)R."), HasSubstr("not a known name"));
  EXPECT_THAT(message("ctorch\nFloatStorage\n)R."), HasSubstr("arguments that it does not take"));
  EXPECT_THAT(message("ctorch._utils\n_rebuild_tensor_v2\n)R."),
              HasSubstr("arguments that it does not take"));
}

TEST(Pickle, SurvivesAStackThatRunsEmpty) {
  for (const std::string program :
       {".",  "0.", "1.",    "t.",    "a.",     "]a.",   "s.",    "e.",   "(e.",  "u.",     "R.",
        "b.", "Q.", "\x85.", "\x87.", "q\x01.", "\x94.", "\x93.", "N(a.", "N(0.", "N(\x85."}) {
    EXPECT_THAT(message(program), HasSubstr("takes more from its stack")) << program;
  }
  EXPECT_THAT(message("h\x05."), HasSubstr("object 5 before making it"));
}

TEST(Pickle, EndsWhereTheBytesEnd) {
  const std::string whole = "\x80\x02}" + text("a") + tensor() + "s.";
  ASSERT_TRUE(run(whole).ok()) << message(whole);
  for (std::size_t size = 0; size < whole.size(); ++size)
    EXPECT_FALSE(run(whole.substr(0, size)).ok()) << size;
  EXPECT_FALSE(run("X" + little_endian(0xFFFFFFFF) + "x").ok());
  EXPECT_FALSE(run("\x8b" + little_endian(0x7FFFFFFF) + "x").ok());
  EXPECT_FALSE(run("\x8d" + std::string(8, '\xFF')).ok());
}

TEST(Pickle, BoundsTheNumberOfObjects) {
  EXPECT_THAT(message(std::string(std::size_t{2} << 20, 'N') + "."), HasSubstr("1048576 objects"));
}

TEST(Pickle, BoundsWhatAMemoCanMultiply) {
  // 3000 items once, then copied by each of 10000 calls of three bytes.
  std::string bomb = "](" + std::string(3000, ')') +
                     "e\x85q\x01"
                     "0ctorch\nSize\nq\x02(";
  for (int i = 0; i < 10000; ++i) bomb += "h\x02h\x01R";
  EXPECT_FALSE(run(bomb + "t.").ok());
}

TEST(Pickle, SurvivesDeepNestingAndCycles) {
  std::string nested;
  for (int i = 0; i < 500000; ++i) nested += "]";
  for (int i = 0; i < 499999; ++i) nested += "a";
  EXPECT_TRUE(run(nested + ".").ok());
  EXPECT_TRUE(weight_names("}q\x01" + text("model") + "h\x01s.").empty());
}

TEST(Pickle, LeavesPlainObjectsOfTrainingScriptsAside) {
  const std::string program = "}(" + text("args") + "cargparse\nNamespace\n)\x81}" + text("lr") + "K\x01sb" +
                              text("model") + "}" + text("w") + tensor() + "su.";
  EXPECT_THAT(weight_names(program), ElementsAre("w"));
}

TEST(StateDict, TakesTheWrappedDictionaryAtAnyDepth) {
  const std::string inner = "}" + text("w") + tensor() + "s";
  const std::string wrapped = "}" + text("state_dict") + inner + "s";
  const std::string optimizer = "}" + text("momentum") + tensor() + "s";
  EXPECT_THAT(weight_names("}(" + text("optimizer") + optimizer + text("checkpoint") + wrapped + "u."),
              ElementsAre("w"));
}

TEST(StateDict, TakesOffThePrefixOfParallelTraining) {
  EXPECT_THAT(weight_names("}(" + text("module.a") + tensor() + text("module.b") + tensor() + "u."),
              ElementsAre("a", "b"));
}

TEST(StateDict, IsEmptyWithoutNamedTensors) {
  EXPECT_TRUE(weight_names("K\x01.").empty());
  EXPECT_TRUE(weight_names("]" + tensor() + "a.").empty());
  EXPECT_TRUE(weight_names("}K\x01" + tensor() + "s.").empty());
}

}  // namespace
}  // namespace facet::io
