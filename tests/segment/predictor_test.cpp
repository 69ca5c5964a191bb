#include "facet/predictor.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "facet/automatic_masks.h"
#include "models/sam_model.h"
#include "support/paths.h"
#include "support/tiny_sam.h"

namespace facet {
namespace {

using ::testing::HasSubstr;

const ModelPtr& tiny_model() {
  static const ModelPtr model = models::build_model(testing::TinySam(), ops::cpu_kernels()).value();
  return model;
}

Image drawn_image() {
  Image image(Size{120, 160});
  for (int y = 0; y < 120; ++y) {
    for (int x = 0; x < 160; ++x)
      image.pixel(y, x)[0] = (x - 80) * (x - 80) + (y - 60) * (y - 60) < 900 ? 220 : 30;
  }
  return image;
}

class PredictorTest : public ::testing::Test {
 protected:
  Predictor predictor{tiny_model()};
  Embedding embedding = predictor.set_image(drawn_image()).value();
  const Prompt click{.points = {{80, 60}}, .labels = {1}};
};

// The encoder is held to the goldens; on the oracle it would take half a minute.
TEST_F(PredictorTest, DecodesAsTheReferenceKernelsDo) {
  Predictor oracle(models::build_model(testing::TinySam(), ops::reference_kernels()).value());
  const PredictOptions options{.keep_low_res_logits = true};
  const auto fast = predictor.predict(embedding, {&click, 1}, options).value();
  const auto slow = oracle.predict(embedding, {&click, 1}, options).value();
  for (int m = 0; m < 3; ++m) {
    EXPECT_TENSOR_NEAR(fast[0].masks[m].low_res_logits, slow[0].masks[m].low_res_logits, 1e-4);
    EXPECT_NEAR(fast[0].masks[m].score, slow[0].masks[m].score, 1e-4);
  }
}

// What the prompts of a picture share is kept for the last pictures only.
TEST_F(PredictorTest, PicturesInTurnsAnswerAsBefore) {
  std::vector<Embedding> pictures(5, embedding);
  for (Embedding& picture : pictures) {
    picture.features = std::make_shared<const Tensor>(embedding.features->clone());
  }
  const std::vector<Prompt> clicks(3, click);
  const float score = predictor.predict(embedding, clicks).value()[0].masks[0].score;
  for (const int turn : {0, 1, 0, 2, 3, 4, 0, 1, 4}) {
    EXPECT_EQ(predictor.predict(pictures[turn], clicks).value()[0].masks[0].score, score) << turn;
  }
}

TEST_F(PredictorTest, TheSameClickAgainAndAgainGivesTheSameMasks) {
  const PredictOptions options{.keep_low_res_logits = true};
  const auto first = predictor.predict(embedding, {&click, 1}, options).value();
  for (int again = 0; again < 4; ++again) {  // from some time on with what clicks share
    const auto next = predictor.predict(embedding, {&click, 1}, options).value();
    for (int m = 0; m < 3; ++m) {
      EXPECT_TENSOR_NEAR(next[0].masks[m].low_res_logits, first[0].masks[m].low_res_logits, 1e-4);
      EXPECT_NEAR(next[0].masks[m].score, first[0].masks[m].score, 1e-4);
    }
  }
}

TEST_F(PredictorTest, Bfloat16ComesNearFloat32AndIsNotTheSame) {
  const auto model = models::build_model(testing::TinySam(), ops::cpu_kernels(Precision::Bf16)).value();
  EXPECT_EQ(model_info(*model).precision, "bf16");
  EXPECT_EQ(model_info(*model).fingerprint, model_info(*tiny_model()).fingerprint);
  Predictor half(model);
  const Embedding rounded = half.set_image(drawn_image()).value();
  EXPECT_EQ(rounded.features->dtype(), DType::Float32);
  const double error = testing::relative_l2_error(*rounded.features, *embedding.features);
  EXPECT_GT(error, 1e-5);
  EXPECT_LT(error, 2e-2);
  // Prompts are decoded in float32: from the same embedding come the same masks. But for pictures in
  // bfloat16.
  const PredictOptions options{.keep_low_res_logits = true};
  const auto wide = predictor.predict(embedding, {&click, 1}, options).value();
  const auto narrow = half.predict(embedding, {&click, 1}, options).value();
  if (model->mask_decoder.prepares_exactly()) {
    EXPECT_EQ(narrow[0].masks[0].rle.counts, wide[0].masks[0].rle.counts);
  } else {
    EXPECT_TENSOR_NEAR(narrow[0].masks[0].low_res_logits, wide[0].masks[0].low_res_logits, 1e-2);
  }
}

TEST_F(PredictorTest, AnEncodeGivesWayToAnotherPredictorAndIsNoneTheWorse) {
  Predictor other(tiny_model());
  const auto alone = other.predict(embedding, {&click, 1}).value();
  int places = 0;
  const EncodeOptions options{.between_blocks = [&] {
    ++places;
    const auto between = other.predict(embedding, {&click, 1}).value();
    EXPECT_EQ(between[0].masks[0].rle.counts, alone[0].masks[0].rle.counts);
  }};
  const Embedding again = predictor.set_image(drawn_image(), options).value();
  EXPECT_GE(places, 2);
  EXPECT_TENSOR_NEAR(*again.features, *embedding.features, 0);
  const int before = places;
  (void)predictor.set_image(drawn_image()).value();
  EXPECT_EQ(places, before);  // the hook was of one call
}

TEST_F(PredictorTest, AStoppedEncodeIsCancelledAndTheNextIsNot) {
  std::stop_source stop;
  const EncodeOptions options{.between_blocks = [&] { stop.request_stop(); }, .stop = stop.get_token()};
  EXPECT_EQ(predictor.set_image(drawn_image(), options).status().code(), StatusCode::Cancelled);
  EXPECT_TRUE(predictor.set_image(drawn_image()).ok());
}

TEST_F(PredictorTest, PicturesEncodedTogetherEqualPicturesEncodedAlone) {
  const Image first = drawn_image();
  const Image second(Size{50, 90});
  const Image* const images[] = {&first, &second};
  const auto together = predictor.set_images(images).value();
  ASSERT_EQ(together.size(), 2U);
  EXPECT_TENSOR_NEAR(*together[0].features, *embedding.features, 1e-5);
  EXPECT_TENSOR_NEAR(*together[1].features, *predictor.set_image(second)->features, 1e-5);
  EXPECT_EQ(together[1].original_size, second.size());
}

TEST_F(PredictorTest, MixedPromptsOfOneCallEqualSingleCalls) {
  Tensor logits = Tensor::zeros({256, 256});
  logits.data<float>()[1000] = 4.0F;
  std::vector<Prompt> prompts{click,
                              {.box = Box{10, 10, 100, 100}},
                              {.points = {{5, 5}, {50, 60}}, .labels = {0, 1}, .box = Box{1, 2, 150, 110}},
                              {.mask_logits = std::make_shared<const Tensor>(std::move(logits))},
                              {.points = {{20, 100}}, .labels = {1}}};
  const PredictOptions options{.multimask = false, .keep_low_res_logits = true, .prompts_per_batch = 3};
  const auto together = predictor.predict(embedding, prompts, options).value();
  ASSERT_EQ(together.size(), prompts.size());
  for (std::size_t i = 0; i < prompts.size(); ++i) {
    const auto alone = predictor.predict(embedding, {&prompts[i], 1}, options).value();
    EXPECT_TENSOR_NEAR(together[i].masks[0].low_res_logits, alone[0].masks[0].low_res_logits, 1e-5) << i;
    EXPECT_NEAR(together[i].masks[0].score, alone[0].masks[0].score, 1e-5);
  }
}

TEST_F(PredictorTest, FullLogitsAgreeWithTheMask) {
  const auto objects = predictor.predict(embedding, {&click, 1}, {.keep_full_logits = true}).value();
  for (const MaskPrediction& mask : objects[0].masks) {
    ASSERT_EQ(mask.logits.shape(), Shape({120, 160}));
    const Bitmap bits = rle_decode(mask.rle);
    for (std::size_t i = 0; i < bits.bits.size(); ++i) {
      ASSERT_EQ(bits.bits[i] != 0, mask.logits.data<float>()[i] > 0);
    }
    EXPECT_EQ(mask.area, rle_area(mask.rle));
    EXPECT_EQ(mask.bbox, rle_bbox(mask.rle));
  }
}

TEST_F(PredictorTest, TheScoreFilterKeepsTheBestAndSaysSo) {
  const auto all = predictor.predict(embedding, {&click, 1}).value();
  ASSERT_EQ(all[0].masks.size(), 3U);
  EXPECT_FALSE(all[0].below_min_score);
  const auto best = predictor.predict(embedding, {&click, 1}, {.min_score = 1e9F}).value();
  ASSERT_EQ(best[0].masks.size(), 1U);
  EXPECT_TRUE(best[0].below_min_score);
  float most = -1e9F;
  for (const MaskPrediction& mask : all[0].masks) most = std::max(most, mask.score);
  EXPECT_EQ(best[0].masks[0].score, most);
}

TEST_F(PredictorTest, EmbeddingsSurviveTheDiskAndServeOtherPredictors) {
  const testing::TemporaryFolder folder;
  ASSERT_TRUE(save_embedding(embedding, folder / "e.safetensors").ok());
  const auto loaded = load_embedding(folder / "e.safetensors");
  ASSERT_TRUE(loaded.ok()) << loaded.status().message();
  EXPECT_EQ(loaded->original_size, embedding.original_size);
  EXPECT_EQ(loaded->input_size, embedding.input_size);
  Predictor other(tiny_model());
  const auto a = other.predict(*loaded, {&click, 1}).value();
  const auto b = predictor.predict(embedding, {&click, 1}).value();
  EXPECT_EQ(a[0].masks[0].rle, b[0].masks[0].rle);
}

TEST_F(PredictorTest, RefusesEmbeddingsOfAnotherModel) {
  Embedding other = embedding;
  other.model_fingerprint ^= 1;
  EXPECT_EQ(predictor.predict(other, {&click, 1}).status().code(), StatusCode::BadModel);
  EXPECT_EQ(predictor.predict(Embedding{}, {&click, 1}).status().code(), StatusCode::BadModel);
}

TEST_F(PredictorTest, StopsWhenAsked) {
  std::stop_source source;
  source.request_stop();
  const auto result = predictor.predict(embedding, {&click, 1}, {.stop = source.get_token()});
  EXPECT_EQ(result.status().code(), StatusCode::Cancelled);
  EXPECT_TRUE(predictor.predict(embedding, {&click, 1}).ok());
}

TEST_F(PredictorTest, ManyPromptsDoNotGrowTheMemory) {
  std::vector<Prompt> boxes(12, {.box = Box{10, 10, 90, 90}});
  const PredictOptions options{.multimask = false, .prompts_per_batch = 4};
  ASSERT_TRUE(predictor.predict(embedding, std::span(boxes).first(4), options).ok());
  const std::size_t peak = predictor.peak_working_bytes();
  ASSERT_TRUE(predictor.predict(embedding, boxes, options).ok());
  EXPECT_EQ(predictor.peak_working_bytes(), peak);
}

// Beyond the rounding that another split of the work brings.
TEST(PredictorThreads, DoNotChangeTheResult) {
  const std::vector<Prompt> prompts(4, Prompt{.points = {{80, 60}}, .labels = {1}});
  for (const Precision precision : {Precision::Fp32, Precision::Bf16}) {
    const ModelPtr model = models::build_model(testing::TinySam(), ops::cpu_kernels(precision)).value();
    Predictor one(model, {.threads = 1});
    const Embedding embedding = one.set_image(drawn_image()).value();
    const PredictOptions options{.keep_low_res_logits = true};
    const auto expected = one.predict(embedding, prompts, options).value();
    // Where float32's rounding differs, bfloat16's may too.
    const double rounding = model->mask_decoder.prepares_exactly() ? 1e-5 : 2e-3;
    for (const int threads : {2, 3, 5}) {
      Predictor several(model, {.threads = threads});
      EXPECT_TENSOR_NEAR(*several.set_image(drawn_image()).value().features, *embedding.features, 1e-5);
      const auto found = several.predict(embedding, prompts, options).value();
      for (std::size_t i = 0; i < prompts.size(); ++i) {
        EXPECT_NEAR(found[i].masks[0].score, expected[i].masks[0].score, rounding);
        EXPECT_TENSOR_NEAR(found[i].masks[0].low_res_logits, expected[i].masks[0].low_res_logits, rounding);
      }
    }
  }
}

TEST_F(PredictorTest, SharesItsModelBetweenThreads) {
  const auto expected = predictor.predict(embedding, {&click, 1}).value();
  std::vector<std::thread> threads;
  for (int i = 0; i < 3; ++i) {
    threads.emplace_back([&] {
      Predictor own(tiny_model(), {.threads = 1});
      const auto result = own.predict(embedding, {&click, 1});
      ASSERT_TRUE(result.ok());
      EXPECT_EQ((*result)[0].masks[0].rle, expected[0].masks[0].rle);
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(PredictorTest, RefusesAPictureOfOnePixel) {
  EXPECT_EQ(predictor.set_image(Image(Size{1, 1})).status().code(), StatusCode::BadPicture);
  EXPECT_EQ(predictor.preprocess(Image()).status().code(), StatusCode::BadPicture);
}

TEST(MaskToLogits, IsPositiveInsideAndNegativeOutside) {
  Bitmap mask{{100, 200}, std::vector<std::uint8_t>(20000)};
  for (int y = 0; y < 100; ++y) {
    for (int x = 0; x < 100; ++x) mask.bits[y * 200 + x] = 1;
  }
  const auto logits = mask_to_logits(mask, ModelInfo{});
  EXPECT_EQ(logits->data<float>()[10 * 256 + 10], 10.0F);
  EXPECT_EQ(logits->data<float>()[10 * 256 + 200], -10.0F);
  EXPECT_EQ(logits->data<float>()[200 * 256 + 10], -10.0F);  // below the picture
}

TEST(AutomaticMaskGenerator, NamesTheOptionThatIsOutOfRange) {
  const auto error = [](AutomaticMaskOptions options) {
    return AutomaticMaskGenerator(tiny_model(), std::move(options)).generate(drawn_image()).status();
  };
  EXPECT_EQ(error({.points_per_side = 0}).code(), StatusCode::Usage);
  EXPECT_THAT(error({.box_nms_thresh = 2}).message(), HasSubstr("box_nms_thresh"));
  EXPECT_THAT(error({.crop_n_layers = 9}).message(), HasSubstr("crop_n_layers"));
  EXPECT_THAT(error({.point_grids = {{{2, 0}}}}).message(), HasSubstr("grid point"));
  EXPECT_THAT(error({.crop_n_layers = 1, .point_grids = {{{0, 0}}}}).message(), HasSubstr("point_grids"));
}

TEST(AutomaticMaskGenerator, TakesOwnPointsAndCropsAndReportsProgress) {
  AutomaticMaskOptions options;
  options.point_grids = {{{0.5F, 0.5F}, {0.1F, 0.1F}}, {{0.5F, 0.5F}}};
  options.crop_n_layers = 1;
  options.pred_iou_thresh = 0;
  options.stability_score_thresh = 0;
  options.min_mask_region_area = 10;
  int last = 0;
  options.progress = [&](int done, int total) {
    EXPECT_EQ(total, 2 + 4);
    EXPECT_GT(done, last);
    last = done;
  };
  AutomaticMaskGenerator generator(tiny_model(), options);
  const auto masks = generator.generate(drawn_image());
  ASSERT_TRUE(masks.ok()) << masks.status().message();
  EXPECT_EQ(last, 6);
  for (const AutomaticMask& mask : *masks) {
    EXPECT_EQ(mask.rle.size, (Size{120, 160}));
    EXPECT_EQ(mask.area, rle_area(mask.rle));
  }
}

TEST(AutomaticMaskGenerator, TakesAnEmbeddingForThePicture) {
  AutomaticMaskOptions options{.points_per_side = 3, .pred_iou_thresh = 0, .stability_score_thresh = 0};
  const auto rles = [](const Result<std::vector<AutomaticMask>>& masks) {
    std::vector<Rle> found;
    for (const AutomaticMask& mask : masks.value()) found.push_back(mask.rle);
    return found;
  };
  const Image image = drawn_image();
  Predictor predictor(tiny_model());
  const Embedding whole = predictor.set_image(image).value();
  EXPECT_EQ(rles(AutomaticMaskGenerator(predictor, options).generate(whole)),
            rles(AutomaticMaskGenerator(predictor, options).generate(image)));
  options.crop_n_layers = 1;
  AutomaticMaskGenerator crops(predictor, options);
  EXPECT_EQ(rles(crops.generate(whole, &image)), rles(crops.generate(image)));
  EXPECT_THAT(crops.generate(whole).status().message(), HasSubstr("crop_n_layers"));
  Embedding other = whole;
  other.model_fingerprint = {};
  EXPECT_EQ(crops.generate(other, &image).status().code(), StatusCode::BadModel);
}

TEST(AutomaticMaskGenerator, GivesWayBetweenTheMasksItCleans) {
  const auto turns = [](int min_mask_region_area) {
    int count = 0;
    AutomaticMaskOptions options{.points_per_side = 2};
    options.pred_iou_thresh = 0;
    options.stability_score_thresh = 0;
    options.min_mask_region_area = min_mask_region_area;
    options.between_blocks = [&] { ++count; };
    EXPECT_TRUE(AutomaticMaskGenerator(tiny_model(), options).generate(drawn_image()).ok());
    return count;
  };
  EXPECT_GT(turns(10), turns(0));
}

}  // namespace
}  // namespace facet
