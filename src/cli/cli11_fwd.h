#pragma once

namespace CLI {  // NOLINT(readability-identifier-naming): CLI11 named it
class App;
}
