#pragma once

#include <map>
#include <memory>

#include "segment/video/carried_mask.h"
#include "segment/video/colour_model.h"
#include "segment/video/frame_segmenter.h"
#include "segment/video/mask_finish.h"
#include "segment/video/mask_history.h"
#include "segment/video/optical_flow.h"
#include "segment/video/tracker.h"

namespace facet::segment {

/// When a frame is encoded although no interval asks for it. Shift, growth, deformation and recolouring are
/// measured on each object since it was last segmented.
struct FlowCriteria {
  double max_shift = 0.5;         ///< moved: the box's centre, as a share of the box's diagonal
  double max_growth = 1.3;        ///< moved: the size, by this factor or its inverse
  double max_deformation = 0.12;  ///< changed: MaskMotion::deformation, added up over the frames
  double max_recolouring = 0.35;  ///< changed: ColourModel::distance
  double min_followed = 0.5;      ///< lost: share of the points that could be followed to this frame
  /// IoU with the carried mask that a new mask needs; where points were lost too, the second.
  double min_agreement = 0.5;
  double min_agreement_lost = 0.3;
  /// Colour distance from the prompted object up to which a lost one is taken for found. Beyond it, an object
  /// whose box shrank below min_anchor_share of the prompted one's is another thing: lost.
  double max_strangeness = 0.4;
  double min_anchor_share = 0.3;
};

/// Follows objects with a model that has no memory: masks are carried from frame to frame by optical flow,
/// and segmented anew, all with one encoding of the frame, when an object moved, changed or was lost
/// (FlowCriteria), on explicit key frames, and at the latest every keyframe_interval frames. Then the model
/// is asked with the carried mask's box and the mask itself, and of its candidates the one is taken that
/// agrees best with the carried mask.
///
/// An object is lost when its points cannot be followed and no candidate agrees. It has no mask then, and is
/// looked for every third of the interval, and whenever a frame is encoded: in its last box and where its
/// colours are.
///
/// ObjectMask::object_score is the logit of a confidence, above one half for an object in the frame and below
/// for a lost one: the share of points followed, or the agreement where it was segmented.
///
/// Memory  a mask a frame and object as run lengths, within a quarter of memory_mb; beside that eight floats
///         a pixel of the flow's size for each object and for each prompt
class FlowTracker : public Tracker {
 public:
  FlowTracker(ModelPtr model, std::shared_ptr<FrameReader> frames, VideoOptions options,
              FlowCriteria criteria = {});

  Result<FrameMasks> prompt(int frame, int object, const VideoPrompt& prompt) override;
  Result<FrameMasks> track(int frame, TrackDirection direction) override;
  Result<FrameMasks> clear_prompts(int frame, int object) override;
  Status remove_object(int object) override;
  void reset() override;
  [[nodiscard]] std::vector<int> objects() const override;
  [[nodiscard]] std::optional<int> first_prompted_frame() const override;
  [[nodiscard]] TrackingReport report() const override;

 private:
  /// What an object looked like when it was last segmented, and what became of it since.
  struct Reference {
    Box box;
    ColourModel colours;
    double growth = 1;
    double deformation = 0;
  };
  /// An object on a frame.
  struct Sighting {
    int frame = 0;
    std::optional<FlowFrame> picture;
    std::optional<CarriedMask> mask;  ///< nothing: lost
    Reference reference;
    std::shared_ptr<const Reference> anchor;  ///< where it was prompted: what to look for when it is lost
    float score = 0;
    float object_score = 0;
    std::shared_ptr<const Tensor> answer;  ///< the model's low-resolution logits, where it was asked
    std::shared_ptr<const Bitmap> drawn;   ///< the user's own mask
  };
  struct Prompted {
    VideoPrompt prompt;
    Sighting sighting;
  };
  struct Object {
    int number = 0;
    std::map<int, Prompted> prompted;  ///< by frame
    std::optional<Sighting> last;
  };
  /// A frame that is worked on.
  struct Working {
    int frame;
    TrackDirection direction;
    Image image;
    FlowFrame picture;
  };
  /// What flow says of an object on a frame, before the model is asked.
  struct Carried {
    Object* object;
    Sighting sighting;
    double followed_share;
    bool look_again;
  };

  Result<Working> open_frame(int frame, TrackDirection direction);
  Result<Sighting> answer_prompt(const Working& work, const VideoPrompt& prompt,
                                 std::shared_ptr<const Tensor> earlier);
  [[nodiscard]] std::shared_ptr<const Tensor> earlier_answer(const Object& object, int frame,
                                                             const VideoPrompt& prompt) const;
  Sighting seen(const Working& work, std::vector<float> flow_logits, float score, double confidence) const;

  /// The object on the frame as far as it is known without looking: prompted, or tracked before.
  std::optional<Sighting> known_sighting(const Object& object, const Working& work) const;
  /// From where the object is carried: the nearest frame behind on which it is known.
  static const Sighting* nearest_behind(const Object& object, const Working& work);
  Carried carry(Object& object, const Sighting& from, const Working& work) const;
  [[nodiscard]] bool has_changed(const Sighting& sighting, const MaskMotion& motion) const;
  [[nodiscard]] bool is_key_frame(int frame, const std::vector<Carried>& carried) const;

  Status segment_again(const Working& work, std::vector<Carried>& carried);
  void choose(const Working& work, std::vector<MaskPrediction> candidates, const Rle& expected,
              Carried& carried) const;
  Status look_for(const Working& work, Sighting& sighting);
  [[nodiscard]] bool is_strange(const Sighting& sighting, const Reference& then) const;
  [[nodiscard]] bool has_withered(const Sighting& sighting, const Reference& anchor) const;
  void lose(Carried& carried) const;

  [[nodiscard]] FrameObject frame_object(const Object& object, const Sighting* sighting) const;
  FrameMasks finish(int frame, std::vector<FrameObject> objects) const;
  Object* find(int number);

  std::shared_ptr<FrameReader> frames_;
  VideoOptions options_;
  FlowCriteria criteria_;
  FrameSegmenter segmenter_;
  std::vector<std::unique_ptr<Object>> objects_;  // in the order first prompted
  MaskHistory history_;
  std::optional<int> last_encoded_;
  int frames_tracked_ = 0;
};

}  // namespace facet::segment
