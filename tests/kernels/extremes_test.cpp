// Tensors given integers at the ends of their range.
#include "support/extremes.hpp"

using namespace xgrad;
using namespace xgrad::test::extremes;

namespace {

const std::vector<Case>& tensor_cases() {
  static const std::vector<Case> cases{
      {"zeros", [](Draw& d) { zeros(d.shape(3)); }},
      {"ones", [](Draw& d) { ones(d.shape(2), float64); }},
      {"full", [](Draw& d) { full(d.shape(4), 1, uint8); }},
      {"uninitialized", [](Draw& d) { Tensor::uninitialized(d.shape(3), boolean); }},
      {"from", [](Draw& d) { Tensor::from(std::vector<float>{1}, d.shape(3)); }},
      {"arange", [](Draw& d) { arange(d(), d(), d()); }},
      {"arange stop", [](Draw& d) { arange(d()); }},
      {"arange of a dtype",
       [](Draw& d) {
         for (const DType dtype : {float32, float64, int64, uint8}) arange(d(), d(), d(), dtype);
       }},
      {"linspace", [](Draw& d) { linspace(0, 1, d()); }},
      {"eye", [](Draw& d) { eye(d(), d()); }},
      {"eye of rows", [](Draw& d) { eye(d()); }},
      {"uniform", [](Draw& d) { uniform(d.shape(2)); }},
      {"normal", [](Draw& d) { normal(d.shape(3)); }},
      {"bernoulli", [](Draw& d) { bernoulli(d.shape(2), 0.5); }},
      {"randint",
       [](Draw& d) {
         const Shape shape = d.flag() ? Shape{3} : d.shape(2);
         randint(shape, d(), d());
       }},
      {"permutation", [](Draw& d) { permutation(d()); }},
      {"Tensor::reshape",
       [](Draw& d) {
         (d.flag() ? ones({2, 3}) : zeros({0, 3})).reshape(d.shape(3));
       }},
      {"Tensor::rows",
       [](Draw& d) {
         (d.flag() ? ones({2, 3}) : zeros({0, 3})).rows(d(), d());
       }},
      {"Tensor::at",
       [](Draw& d) {
         static_cast<void>(ones({2, 3}).at({d(), d()}));
       }},
      {"Tensor::size",
       [](Draw& d) {
         static_cast<void>(ones({2, 3}).size(d()));
       }},
      {"Shape",
       [](Draw& d) {
         Shape shape{2, 3};
         const Index axis = d();
         if (d.flag())
           shape.insert(axis, d());
         else
           shape.erase(axis);
         static_cast<void>(shape.count());
       }},
      {"Axes", [](Draw& d) { static_cast<void>(Axes(d.list(2)).sorted(2)); }},
      {"wrap_axis", [](Draw& d) { wrap_axis(d(), 3); }},
      {"broadcast_shapes", [](Draw& d) { broadcast_shapes(d.shape(3), d.shape(2)).count(); }},
      {"contiguous_strides", [](Draw& d) { contiguous_strides(d.shape(4)); }},
      {"to_string",
       [](Draw& d) {
         to_string(arange(20), {.precision = 2, .threshold = d.or_else(3), .edge_items = d.or_else(3)});
       }},
      {"set_num_threads",
       [](Draw& d) {
         const int before = num_threads(), count = d.narrow();
         if (count > 1) return;  // as many would be started
         set_num_threads(count);
         set_num_threads(before);
       }},
      {"polygamma", [](Draw& d) { polygamma(d.narrow(), ones({2})); }},
  };
  return cases;
}

}  // namespace

TEST_CASE("extreme integers: tensors made and read") { walk(tensor_cases()); }
