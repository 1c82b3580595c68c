// Parsed once for all sources of the library. Each source still includes what it names: a build without
// precompiled headers (-Db_pch=false) must succeed too.
#include <xgrad/autograd/record.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/factory.hpp>
#include <xgrad/tensor/parallel.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>
