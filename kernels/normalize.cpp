// Two layouts: rows, where a mean belongs to neighbouring elements, and columns, where it belongs to every
// channels-th element. Columns are walked in blocks that stay in cache, with short rows side by side so that
// loops are never shorter than a few vectors.
#include <xgrad/kernels/normalize.hpp>

#include <xgrad/kernels/moments.hpp>
#include <xgrad/kernels/normalize_walk.hpp>
#include <xgrad/kernels/rows.hpp>
#include <xgrad/tensor/dispatch.hpp>
#include <xgrad/tensor/factory.hpp>

#include <cmath>
#include <vector>

namespace xgrad::kernels {
namespace {

using detail::CentralMoments;
using detail::fetch;
using detail::load_as;
using detail::parallel_for;
using detail::Standard;

/// The rows of a moments tensor, const T or T.
template <class T>
struct MomentRows {
  MomentRows(T* moments, const Grouping& grouping)
      : mean(moments + Moment::mean * grouping.owners()),
        rest(moments + Moment::rest * grouping.owners()),
        scale(moments + Moment::scale * grouping.owners()),
        variance(moments + Moment::variance * grouping.owners()) {}

  void set(Index owner, const Standard& s) const {
    mean[owner] = static_cast<T>(s.mean);
    rest[owner] = static_cast<T>(s.rest);
    scale[owner] = static_cast<T>(1 / s.deviation);
    variance[owner] = static_cast<T>(s.variance);
  }
  /// rest * scale, which the distances from `mean` times `scale` exceed the normal values by.
  T excess(Index owner) const { return rest[owner] * scale[owner]; }

  T *mean, *rest, *scale, *variance;
};

/// The channels' values, or `neutral` for all where undefined.
template <class T>
std::vector<T> channels_of(const Tensor& given, Index channels, T neutral) {
  if (!given.defined()) return std::vector<T>(static_cast<std::size_t>(channels), neutral);
  return {given.data<T>(), given.data<T>() + channels};
}

// ------------------------------------------------------------------------------------------------ rows

template <class T>
struct CentredSquares {
  const T* x;
  T mean;
  template <class V>
  V load(Index i) const {
    const V d = load_as<V>(x + i) - V(mean);
    return d * d;
  }
};

/// g w (x - mean).
template <class T>
struct WeightedCentred {
  const T *g, *weight, *x;
  T mean;
  template <class V>
  V load(Index i) const {
    return load_as<V>(g + i) * load_as<V>(weight + i) * (load_as<V>(x + i) - V(mean));
  }
};

/// The statistics of n neighbours.
template <class T>
Standard row_standard(const T* x, Index n, Statistics statistics, double eps) {
  const bool centred = statistics == Statistics::own;
  const T count = static_cast<T>(n);
  T centre = centred ? detail::row_sum(x, n) / count : T(0), distances = 0, squares = 0;
  for (bool first = true;; first = false) {
    if (centred) distances = detail::sum_terms<T>(detail::Centred<T>{x, centre}, n);
    squares = detail::sum_terms<T>(CentredSquares<T>{x, centre}, n);
    if (!first || !detail::off_centre(distances, squares, count)) break;
    centre += distances / count;
  }
  Standard result;
  const auto moments = CentralMoments::of(static_cast<double>(n), static_cast<double>(centre),
                                          static_cast<double>(distances), static_cast<double>(squares));
  if (detail::standard_of<T>(moments, eps, result)) return result;
  return detail::scaled_standard(x, 1, n, n, centred, eps);
}

template <class T>
void normalize_rows(const T* x, const Grouping& grouping, const T* weight, const T* bias, double eps,
                    Statistics statistics, const MomentRows<T>& moments, T* out) {
  const Index n = grouping.depth, groups = grouping.groups;
  parallel_for(grouping.owners(), detail::grain_of(n), [&](Index begin, Index end) {
    // Counted on: a division takes as long as a short row.
    for (Index r = begin, group = begin % groups; r < end; ++r, group = group + 1 < groups ? group + 1 : 0) {
      const T* from = x + r * n;
      fetch<true>(out + r * n, n);
      moments.set(r, row_standard(from, n, statistics, eps));
      const T m = moments.mean[r], scale = moments.scale[r], excess = moments.excess(r);
      const T *w = weight + group * n, *b = bias + group * n;
      T* to = out + r * n;
      if (r + 1 < end) fetch(from + n, n);
      for (Index i = 0; i < n; ++i) to[i] = ((from[i] - m) * scale - excess) * w[i] + b[i];
    }
  });
}

/// dx is scale w g - shift - slope ((x - mean) scale): see normalize_backward. From the sums of w g and of
/// w g (x - mean) with the rounded mean.
template <class T>
struct Slopes {
  Slopes(double weighted, double weighted_distances, double count, const MomentRows<const T>& moments,
         Index owner, Statistics statistics) {
    const double scale = static_cast<double>(moments.scale[owner]);
    const double excess = static_cast<double>(moments.rest[owner]) * scale;
    const double along = scale * (weighted_distances * scale - weighted * excess) / count;
    if (statistics != Statistics::given) slope = static_cast<T>(along);
    if (statistics == Statistics::own) shift = static_cast<T>(scale * weighted / count - along * excess);
  }
  T shift = 0, slope = 0;
};

/// dx may be g, here and in columns_backward: every element is read for the last time before it is written.
template <class T>
void rows_backward(const T* g, const T* x, const Grouping& grouping, const MomentRows<const T>& moments,
                   const T* weight, Statistics statistics, T* dx, T* to_weight, T* to_bias) {
  const Index n = grouping.depth, groups = grouping.groups, channels = grouping.channels();
  // Gradients of weight and bias: short sums within blocks of rows, then a tree over the blocks.
  constexpr Index rows = 32;
  const Index blocks = (grouping.outer + rows - 1) / rows;
  std::vector<T> partial(static_cast<std::size_t>(blocks * 2 * channels));
  parallel_for(blocks, detail::grain_of(rows * channels), [&](Index begin, Index end) {
    const Index last = std::min(grouping.outer, end * rows) * groups;
    for (Index r = begin * rows * groups, row = begin * rows, group = 0; r < last; ++r) {
      const T *from = x + r * n, *incoming = g + r * n, *w = weight + group * n;
      const T m = moments.mean[r], scale = moments.scale[r], excess = moments.excess(r);
      fetch<true>(dx + r * n, n);
      const Slopes<T> s(
          static_cast<double>(detail::sum_terms<T>(detail::Products<T>{incoming, w}, n)),
          static_cast<double>(detail::sum_terms<T>(WeightedCentred<T>{incoming, w, from, m}, n)),
          static_cast<double>(n), moments, r, statistics);
      T* to = dx + r * n;
      T* __restrict dw = partial.data() + row / rows * 2 * channels + group * n;
      T* __restrict db = dw + channels;
      if (r + 1 < last) {
        fetch(from + n, n);
        fetch(incoming + n, n);
      }
#pragma omp simd
      for (Index i = 0; i < n; ++i) {
        const T distance = (from[i] - m) * scale, gradient = incoming[i];
        to[i] = scale * w[i] * gradient - s.shift - s.slope * distance;
        dw[i] += gradient * (distance - excess);
        db[i] += gradient;
      }
      if (++group == groups) group = 0, ++row;
    }
  });
  std::vector<T> sums(static_cast<std::size_t>(2 * channels));
  detail::fold<detail::Addition<T>>(detail::Elements<T>{partial.data()}, {1, blocks, 2 * channels},
                                    sums.data());
  std::copy_n(sums.data(), channels, to_weight);
  std::copy_n(sums.data() + channels, channels, to_bias);
}

// ------------------------------------------------------------------------------------------------ columns

/// moments[o, block, c] of every channel within every block.
template <class T>
std::vector<CentralMoments> block_moments(const T* x, const Walk& walk, Index outer) {
  std::vector<CentralMoments> result(static_cast<std::size_t>(outer * walk.blocks * walk.channels));
  const Index tasks = outer * walk.blocks * walk.strips;
  parallel_for(tasks, detail::grain_of(64 * walk.width / walk.strips), [&](Index task, Index last) {
    for (; task < last; ++task) {
      const Index strip = task % walk.strips, place = task / walk.strips;
      const Index block = place % walk.blocks, first = strip * detail::fold_strip;
      const T* from = x + place / walk.blocks * walk.elements;
      Strip<T> sum{}, square;
      T *s = sum.data(), *q = square.data();
      const auto element = [=](Index i, Index) { return from[i]; };
      walk.lines(block, strip, [&](Index at, Index n, auto rows) {
#pragma omp simd
        for (Index j = 0; j < n; ++j) s[j] += walk.down(rows, at, j, element);
      });
      walk.join(sum);
      const Index columns = std::min(detail::fold_strip, walk.channels - first);
      const T count = static_cast<T>(walk.rows(block));
      Strip<T> middle;
      T* m = middle.data();
      for (Index j = 0; j < columns; ++j) m[j] = s[j] / count;
      const auto distance = [=](Index i, Index j) { return from[i] - m[j]; };
      const auto squared = [=](Index i, Index j) { return distance(i, j) * distance(i, j); };
      const Index lanes = std::min(detail::fold_strip, walk.width);
      for (bool first_pass = true;; first_pass = false) {
        for (Index j = columns; j < lanes; ++j) m[j] = m[j - columns];
        std::fill_n(s, lanes, T(0));
        std::fill_n(q, lanes, T(0));
        walk.lines(block, strip, [&](Index at, Index n, auto rows) {
#pragma omp simd
          for (Index j = 0; j < n; ++j) {
            s[j] += walk.down(rows, at, j, distance);
            q[j] += walk.down(rows, at, j, squared);
          }
        });
        walk.join(sum);
        walk.join(square);
        int off = 0;
#pragma omp simd reduction(| : off)
        for (Index j = 0; j < columns; ++j) off |= detail::off_centre(s[j], q[j], count) ? 1 : 0;
        if (!first_pass || off == 0) break;
        for (Index j = 0; j < columns; ++j) m[j] += s[j] / count;
      }
      CentralMoments* to = result.data() + place * walk.channels + first;
      for (Index j = 0; j < columns; ++j)
        to[j] = CentralMoments::of(static_cast<double>(count), static_cast<double>(m[j]),
                                   static_cast<double>(s[j]), static_cast<double>(q[j]));
    }
  });
  return result;
}

/// Calls set(owner, Standard) for every owner.
template <class T, class Set>
void column_statistics(const T* x, const Grouping& grouping, double eps, Set set) {
  const Walk walk(grouping);
  const std::vector<CentralMoments> blocks = block_moments(x, walk, grouping.outer);
  parallel_for(
      grouping.owners(), detail::grain_of(walk.blocks * grouping.depth * 16), [&](Index begin, Index end) {
        for (Index i = begin; i < end; ++i) {
          const Index outer = i / grouping.groups, channel = i % grouping.groups * grouping.depth;
          const CentralMoments* own = blocks.data() + outer * walk.blocks * walk.channels + channel;
          const auto parts = [&](auto f) {
            for (Index block = 0; block < walk.blocks; ++block)
              for (Index d = 0; d < grouping.depth; ++d) f(own[block * walk.channels + d]);
          };
          double count = 0, total = 0, distances = 0, squares = 0;
          parts([&](const CentralMoments& m) { count += m.count, total += m.count * (m.centre + m.rest); });
          const double centre = total / count;
          parts([&](const CentralMoments& m) {
            const double distance = m.centre - centre + m.rest;
            distances += m.count * distance;
            squares += m.squares + m.count * (distance * distance);
          });
          Standard result;
          const auto whole = CentralMoments::of(count, centre, distances, squares);
          if (!detail::standard_of<T>(whole, eps, result))
            result = detail::scaled_standard(x + outer * walk.elements + channel, grouping.size,
                                             grouping.depth, walk.channels, true, eps);
          set(i, result);
        }
      });
}

/// A value for every element of a line, for every outer: f(owner, channel).
template <class T, class F>
std::vector<T> along_lines(const Walk& walk, const Grouping& grouping, F f) {
  std::vector<T> table(static_cast<std::size_t>(grouping.outer * walk.width));
  T* to = table.data();
  // Counted, not divided, here too: the channels are few where the array is small.
  for (Index owner = 0; owner < grouping.owners(); to += walk.width) {
    for (Index c = 0; c < walk.channels; ++owner)
      for (Index d = 0; d < grouping.depth; ++d, ++c) to[c] = f(owner, c);
    for (Index j = walk.channels; j < walk.width; ++j) to[j] = to[j - walk.channels];
  }
  return table;
}

template <class T>
void normalize_columns(const T* x, const Grouping& grouping, const T* weight, const T* bias,
                       const MomentRows<const T>& moments, T* out) {
  const Walk walk(grouping);
  const Index outer = grouping.outer;
  const auto means = along_lines<T>(walk, grouping, [&](Index owner, Index) { return moments.mean[owner]; });
  const auto scales =
      along_lines<T>(walk, grouping, [&](Index owner, Index c) { return moments.scale[owner] * weight[c]; });
  const auto shifts = along_lines<T>(
      walk, grouping, [&](Index owner, Index c) { return bias[c] - moments.excess(owner) * weight[c]; });
  walk.every_line(outer, [&](Index o, Index at, Index n) {
    const Index table = o * walk.width;
    const T *m = means.data() + table, *s = scales.data() + table, *b = shifts.data() + table;
    const T* __restrict from = x + at;
    T* __restrict to = out + at;
#pragma omp simd
    for (Index j = 0; j < n; ++j) to[j] = (from[j] - m[j]) * s[j] + b[j];
  });
}

template <class T>
void columns_backward(const T* g, const T* x, const Grouping& grouping, const MomentRows<const T>& moments,
                      const T* weight, Statistics statistics, T* dx, T* to_weight, T* to_bias) {
  const Walk walk(grouping);
  const Index outer = grouping.outer, channels = walk.channels;
  const auto means = along_lines<T>(walk, grouping, [&](Index owner, Index) { return moments.mean[owner]; });

  // sum g and sum g (x - mean) of every channel within every block.
  struct Sums {
    double plain = 0, centred = 0;
  };
  std::vector<Sums> partial(static_cast<std::size_t>(outer * walk.blocks * channels));
  const Index tasks = outer * walk.blocks * walk.strips;
  parallel_for(tasks, detail::grain_of(64 * walk.width / walk.strips), [&](Index task, Index last) {
    for (; task < last; ++task) {
      const Index strip = task % walk.strips, place = task / walk.strips;
      const Index block = place % walk.blocks, first = strip * detail::fold_strip, o = place / walk.blocks;
      const T *from = x + o * walk.elements, *incoming = g + o * walk.elements,
              *m = means.data() + o * walk.width + first;
      Strip<T> plain{}, centred{};
      T *p = plain.data(), *c = centred.data();
      const auto slope = [=](Index i, Index) { return incoming[i]; };
      const auto centred_slope = [=](Index i, Index j) { return incoming[i] * (from[i] - m[j]); };
      walk.lines(block, strip, [&](Index at, Index n, auto rows) {
#pragma omp simd
        for (Index j = 0; j < n; ++j) {
          p[j] += walk.down(rows, at, j, slope);
          c[j] += walk.down(rows, at, j, centred_slope);
        }
      });
      walk.join(plain);
      walk.join(centred);
      Sums* to = partial.data() + place * channels + first;
      for (Index j = 0; j < std::min(detail::fold_strip, channels - first); ++j)
        to[j] = {static_cast<double>(p[j]), static_cast<double>(c[j])};
    }
  });

  std::vector<Sums> sums(static_cast<std::size_t>(outer * channels)),
      groups(static_cast<std::size_t>(outer * grouping.groups));
  std::vector<double> dw(static_cast<std::size_t>(channels)), db(dw);
  for (Index o = 0; o < outer; ++o)
    for (Index c = 0, i = o * grouping.groups, d = 0; c < channels; ++c) {
      Sums total;
      for (Index block = 0; block < walk.blocks; ++block) {
        const Sums& one = partial[static_cast<std::size_t>((o * walk.blocks + block) * channels + c)];
        total.plain += one.plain;
        total.centred += one.centred;
      }
      Sums& group = groups[static_cast<std::size_t>(i)];
      group.plain += total.plain * static_cast<double>(weight[c]);
      group.centred += total.centred * static_cast<double>(weight[c]);
      const double scale = static_cast<double>(moments.scale[i]), rest = static_cast<double>(moments.rest[i]);
      dw[static_cast<std::size_t>(c)] += total.centred * scale - total.plain * (rest * scale);
      db[static_cast<std::size_t>(c)] += total.plain;
      if (++d == grouping.depth) d = 0, ++i;
    }
  std::transform(dw.begin(), dw.end(), to_weight, [](double v) { return static_cast<T>(v); });
  std::transform(db.begin(), db.end(), to_bias, [](double v) { return static_cast<T>(v); });

  const auto scales =
      along_lines<T>(walk, grouping, [&](Index owner, Index) { return moments.scale[owner]; });
  const auto factors =
      along_lines<T>(walk, grouping, [&](Index owner, Index c) { return moments.scale[owner] * weight[c]; });
  if (statistics == Statistics::given) {
    // Without the terms below, whose factors of zero would make NaN of an infinite x.
    walk.every_line(outer, [&](Index o, Index at, Index n) {
      const T *f = factors.data() + o * walk.width, *incoming = g + at;
      T* to = dx + at;
#pragma omp simd
      for (Index j = 0; j < n; ++j) to[j] = f[j] * incoming[j];
    });
    return;
  }
  std::vector<Slopes<T>> slopes;
  for (Index i = 0; i < grouping.owners(); ++i) {
    const Sums& group = groups[static_cast<std::size_t>(i)];
    slopes.emplace_back(group.plain, group.centred, static_cast<double>(grouping.count()), moments, i,
                        statistics);
  }
  const auto slope_of = [&](Index owner) -> const Slopes<T>& {
    return slopes[static_cast<std::size_t>(owner)];
  };
  const auto shift =
      along_lines<T>(walk, grouping, [&](Index owner, Index) { return slope_of(owner).shift; });
  const auto slope =
      along_lines<T>(walk, grouping, [&](Index owner, Index) { return slope_of(owner).slope; });
  walk.every_line(outer, [&](Index o, Index at, Index n) {
    const Index table = o * walk.width;
    const T *m = means.data() + table, *s = scales.data() + table, *f = factors.data() + table,
            *a = shift.data() + table, *b = slope.data() + table;
    const T *from = x + at, *incoming = g + at;
    T* to = dx + at;
#pragma omp simd
    for (Index j = 0; j < n; ++j) to[j] = f[j] * incoming[j] - a[j] - b[j] * ((from[j] - m[j]) * s[j]);
  });
}

}  // namespace

Normalized normalize(const Tensor& x, const Grouping& grouping, const Tensor& weight, const Tensor& bias,
                     double eps, Statistics statistics) {
  if (x.count() == 0) return {x, zeros(grouping.moments(), x.dtype())};
  return detail::dispatch_floating(x.dtype(), [&]<class T>(std::type_identity<T>) {
    Normalized result{Tensor::uninitialized(x.shape(), x.dtype()),
                      Tensor::uninitialized(grouping.moments(), x.dtype())};
    const auto w = channels_of<T>(weight, grouping.channels(), T(1));
    const auto b = channels_of<T>(bias, grouping.channels(), T(0));
    T *moments = result.moments.mutable_data<T>(), *out = result.value.mutable_data<T>();
    if (grouping.size == 1) {
      normalize_rows<T>(x.data<T>(), grouping, w.data(), b.data(), eps, statistics, {moments, grouping}, out);
    } else {
      column_statistics(
          x.data<T>(), grouping, eps,
          [rows = MomentRows<T>(moments, grouping)](Index i, const Standard& s) { rows.set(i, s); });
      normalize_columns<T>(x.data<T>(), grouping, w.data(), b.data(), {moments, grouping}, out);
    }
    return result;
  });
}

Normalized normalize_by(const Tensor& x, const Grouping& grouping, const Tensor& mean, const Tensor& variance,
                        const Tensor& weight, const Tensor& bias, double eps) {
  return detail::dispatch_floating(x.dtype(), [&]<class T>(std::type_identity<T>) {
    Normalized result{x, Tensor::uninitialized(grouping.moments(), x.dtype())};
    T* moments = result.moments.mutable_data<T>();
    const MomentRows<T> given(moments, grouping);
    const T *m = mean.data<T>(), *v = variance.data<T>();
    for (Index i = 0; i < grouping.owners(); ++i) {
      const double deviation = std::sqrt(static_cast<double>(v[i]) + eps);
      given.set(i, {static_cast<double>(m[i]), 0, deviation, static_cast<double>(v[i])});
    }
    if (x.count() == 0) return result;
    result.value = Tensor::uninitialized(x.shape(), x.dtype());
    const auto w = channels_of<T>(weight, grouping.channels(), T(1));
    const auto b = channels_of<T>(bias, grouping.channels(), T(0));
    normalize_columns<T>(x.data<T>(), grouping, w.data(), b.data(), {moments, grouping},
                         result.value.mutable_data<T>());
    return result;
  });
}

NormalizeGradients normalize_backward(Tensor gradient, const Tensor& x, const Grouping& grouping,
                                      const Tensor& moments, const Tensor& weight, Statistics statistics) {
  const Shape channels{grouping.channels()};
  if (x.count() == 0) return {gradient, zeros(channels, x.dtype()), zeros(channels, x.dtype())};
  return detail::dispatch_floating(x.dtype(), [&]<class T>(std::type_identity<T>) {
    const T* g = gradient.data<T>();
    NormalizeGradients result{
        gradient.unique() ? std::move(gradient) : Tensor::uninitialized(x.shape(), x.dtype()),
        Tensor::uninitialized(channels, x.dtype()), Tensor::uninitialized(channels, x.dtype())};
    const auto w = channels_of<T>(weight, grouping.channels(), T(1));
    const auto backward =
        grouping.size == 1 && statistics != Statistics::given ? &rows_backward<T> : &columns_backward<T>;
    backward(g, x.data<T>(), grouping, {moments.data<T>(), grouping}, w.data(), statistics,
             result.x.mutable_data<T>(), result.weight.mutable_data<T>(), result.bias.mutable_data<T>());
    return result;
  });
}

Spread spread(const Tensor& x, const Grouping& grouping) {
  return detail::dispatch_floating(x.dtype(), [&]<class T>(std::type_identity<T>) {
    const auto row = [&] { return Tensor::uninitialized({grouping.outer, grouping.groups}, x.dtype()); };
    Spread result{row(), row(), row(), row()};
    T *mean = result.mean.mutable_data<T>(), *rest = result.rest.mutable_data<T>(),
      *deviation = result.deviation.mutable_data<T>(), *variance = result.variance.mutable_data<T>();
    const auto set = [=](Index i, const Standard& s) {
      mean[i] = static_cast<T>(s.mean);
      rest[i] = static_cast<T>(s.rest);
      deviation[i] = static_cast<T>(s.deviation);
      variance[i] = static_cast<T>(s.variance);
    };
    const T* data = x.data<T>();
    if (grouping.size > 1) {
      column_statistics(data, grouping, 0, set);
    } else {
      const Index n = grouping.depth;
      parallel_for(grouping.owners(), detail::grain_of(n), [&](Index begin, Index end) {
        for (Index r = begin; r < end; ++r) set(r, row_standard(data + r * n, n, Statistics::own, 0));
      });
    }
    return result;
  });
}

Tensor distances(const Tensor& x, const Grouping& grouping, const Tensor& mean, const Tensor& rest) {
  return detail::dispatch_floating(x.dtype(), [&]<class T>(std::type_identity<T>) {
    Tensor result = Tensor::uninitialized(x.shape(), x.dtype());
    const T *from = x.data<T>(), *centre = mean.data<T>(), *excess = rest.data<T>();
    T* to = result.mutable_data<T>();
    if (grouping.size == 1) {
      const Index n = grouping.depth;
      parallel_for(grouping.owners(), detail::grain_of(n), [&](Index begin, Index end) {
        for (Index r = begin; r < end; ++r) {
          const T c = centre[r], e = excess[r];
          for (Index i = r * n; i < (r + 1) * n; ++i) to[i] = from[i] - c - e;
        }
      });
      return result;
    }
    const Walk walk(grouping);
    const auto centres = along_lines<T>(walk, grouping, [&](Index owner, Index) { return centre[owner]; });
    const auto excesses = along_lines<T>(walk, grouping, [&](Index owner, Index) { return excess[owner]; });
    walk.every_line(grouping.outer, [&](Index o, Index at, Index n) {
      const T *c = centres.data() + o * walk.width, *e = excesses.data() + o * walk.width;
#pragma omp simd
      for (Index j = 0; j < n; ++j) to[at + j] = from[at + j] - c[j] - e[j];
    });
    return result;
  });
}

}  // namespace xgrad::kernels
