#include "segment/prompt_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <utility>

#include "models/sam_model.h"
#include "ops/observed_kernels.h"
#include "support/tensors.h"
#include "support/tiny_sam.h"

namespace facet::segment {
namespace {

/// How many numbers a call multiplies tells whether it made, used or did without what a picture's prompts
/// share.
class WorkOfACall : public ops::Observer {
 public:
  void product(const ops::ProductShape& shape) override { sum_ += shape.multiply_adds(); }
  void other_multiply_adds(std::int64_t count) override { sum_ += count; }
  std::int64_t take() { return std::exchange(sum_, 0); }

 private:
  std::int64_t sum_ = 0;
};

class SharedPictures : public ::testing::Test {
 protected:
  static Embedding picture(int seed) {
    constexpr std::int64_t kGrid = Model::kGrid;
    return {.features = std::make_shared<const Tensor>(
                testing::random_tensor({1, kGrid, kGrid, Model::kChannels}, seed))};
  }
  std::int64_t click(const Embedding& embedding) {
    std::vector<DecoderPrompt> prompts(1);
    prompts[0].sparse = {.points_model_px = {{500, 400}}, .labels = {1}};
    decoder_.decode(embedding, std::move(prompts), true, 1, [](auto, const DecodedBatch&) {});
    return work_.take();
  }

  ModelPtr model_ = models::build_model(testing::TinySam(), ops::cpu_kernels()).value();
  WorkOfACall work_;
  ops::Context ctx_{ops::observed_kernels(model_->kernels, work_), ThreadTeam(2)};
  ops::Context idle_{model_->kernels, ThreadTeam(2)};
  PromptDecoder decoder_{ctx_, *model_};
};

TEST_F(SharedPictures, AreMadeAtTheThirdCallAlsoWhenPicturesTakeTurns) {
  std::vector<Embedding> pictures;
  for (int i = 0; i < 8; ++i) pictures.push_back(picture(i));
  const std::int64_t alone = click(pictures[0]);
  for (int i = 1; i < 8; ++i) EXPECT_EQ(click(pictures[i]), alone);
  for (const Embedding& embedding : pictures) EXPECT_EQ(click(embedding), alone);
  for (const Embedding& embedding : pictures) EXPECT_NE(click(embedding), alone);
  for (const Embedding& embedding : pictures) EXPECT_LT(click(embedding), alone);
}

TEST(NarrowSharedPictures, AreMadeAtTheFirstCallSoThatAnswersStayTheSame) {
  const ModelPtr model = models::build_model(testing::TinySam(), ops::cpu_kernels(Precision::Bf16)).value();
  if (model->mask_decoder.prepares_exactly())
    GTEST_SKIP() << "this processor multiplies no tiles of bfloat16";
  ops::Context ctx(model->kernels, ThreadTeam(2));
  PromptDecoder decoder(ctx, *model);
  const Embedding embedding{.features = std::make_shared<const Tensor>(testing::random_tensor(
                                {1, Model::kGrid, Model::kGrid, Model::kChannels}, 1))};
  std::vector<Tensor> answers;
  for (int call = 0; call < 4; ++call) {
    std::vector<DecoderPrompt> prompts(1);
    prompts[0].sparse = {.points_model_px = {{500, 400}}, .labels = {1}};
    decoder.decode(embedding, std::move(prompts), true, 1,
                   [&](auto, const DecodedBatch& batch) { answers.push_back(batch.masks.clone()); });
    EXPECT_EQ(decoder.kept_pictures(), 1U);
    EXPECT_TRUE(std::ranges::equal(std::as_const(answers.back()).data<float>(),
                                   std::as_const(answers.front()).data<float>()));
  }
}

TEST_F(SharedPictures, AreMadeAheadOfTheThirdCall) {
  const Embedding first = picture(0);
  const Embedding second = picture(1);
  const std::int64_t alone = click(first);
  EXPECT_FALSE(decoder_.prepare_ahead(idle_));
  click(first);
  click(second);
  click(second);
  EXPECT_TRUE(decoder_.prepare_ahead(idle_));
  EXPECT_TRUE(decoder_.prepare_ahead(idle_));
  EXPECT_FALSE(decoder_.prepare_ahead(idle_));
  work_.take();
  EXPECT_LT(click(first), alone);
  EXPECT_LT(click(second), alone);
}

TEST_F(SharedPictures, LetClicksInWhileTheyArePreparedAhead) {
  const Embedding first = picture(0);
  const Embedding second = picture(1);
  const std::int64_t alone = click(first);
  click(first);
  for (int i = 0; i < 3; ++i) click(second);
  int places = 0;
  std::vector<std::int64_t> meanwhile;
  idle_.set_between_blocks([&] {
    if (++places <= 3) meanwhile.push_back(click(first));
    click(second);
  });
  EXPECT_TRUE(decoder_.prepare_ahead(idle_));
  EXPECT_GE(places, 8);
  EXPECT_EQ(meanwhile[0], alone);
  EXPECT_EQ(meanwhile[1], alone);
  EXPECT_GT(meanwhile[2], alone);  // the third call could not wait
  EXPECT_EQ(decoder_.kept_pictures(), 2U);
  EXPECT_LT(click(first), alone);
  EXPECT_FALSE(decoder_.prepare_ahead(idle_));
}

TEST_F(SharedPictures, ArePreparedAgainLaterWhereTheHookThrew) {
  const Embedding first = picture(0);
  const std::int64_t alone = click(first);
  click(first);
  idle_.set_between_blocks([] { throw StatusError({StatusCode::Cancelled, "enough"}); });
  EXPECT_THROW(decoder_.prepare_ahead(idle_), StatusError);
  idle_.set_between_blocks({});
  EXPECT_FALSE(decoder_.prepare_ahead(idle_));
  EXPECT_EQ(click(first), alone);
  EXPECT_EQ(click(first), alone);
  EXPECT_TRUE(decoder_.prepare_ahead(idle_));
  EXPECT_EQ(decoder_.kept_pictures(), 1U);
}

TEST_F(SharedPictures, ArePreparedOnlyWhileTheirEmbeddingLives) {
  {
    const Embedding gone = picture(0);
    click(gone);
    click(gone);
  }
  EXPECT_FALSE(decoder_.prepare_ahead(idle_));
}

TEST_F(SharedPictures, AreKeptOnlyWhileTheirEmbeddingLives) {
  const Embedding stays = picture(0);
  for (int seed = 1; seed < 4; ++seed) {
    const Embedding goes = picture(seed);
    for (int call = 0; call < 3; ++call) click(goes);
  }
  for (int call = 0; call < 3; ++call) click(stays);
  EXPECT_EQ(decoder_.kept_pictures(), 1U);
}

TEST_F(SharedPictures, ThatManyOthersFollowStartAnew) {
  const Embedding first = picture(0);
  const std::int64_t alone = click(first);
  EXPECT_EQ(click(first), alone);
  for (int i = 1; i <= 16; ++i) EXPECT_EQ(click(picture(i)), alone);
  EXPECT_EQ(click(first), alone);  // its third, but the first two were long ago
}

}  // namespace
}  // namespace facet::segment
