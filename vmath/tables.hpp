// Coefficients of the vectorised functions, lowest power first, printed by tools/vmath_coefficients.sollya.
// Each line says what the polynomial in x approximates, and the largest error relative to the function it
// serves.
#pragma once

#include <array>

namespace xgrad::detail {

template <class T>
struct Table;

template <>
struct Table<float> {
  using T = float;
  // (exp(x) - 1 - x) / x^2 for |x| <= log(2) / 2: -27.75 bits
  static constexpr std::array<T, 5> exp{0x1p-1, 0x1.55548ep-3, 0x1.55545ep-5, 0x1.123b7ep-7, 0x1.6db462p-10};
  // (log((1 + s) / (1 - s)) / s - 2) / x, x = s^2 <= 0.0294: -29 bits
  static constexpr std::array<T, 3> log{0x1.55557ap-1, 0x1.995eacp-2, 0x1.31e478p-2};
  // (asin(s) / s - 1) / x, x = s^2 <= 1/4: -30.25 bits
  static constexpr std::array<T, 6> asin{0x1.55554cp-3, 0x1.33388ep-4, 0x1.6cac3cp-5,
                                         0x1.04a66p-5,  0x1.d7f1bcp-7, 0x1.33bbf8p-5};
  // (atan(s) / s - 1) / x, x = s^2 <= tan(pi / 8)^2: -28.625 bits
  static constexpr std::array<T, 5> atan{-0x1.55554ap-2, 0x1.9991a8p-3, -0x1.23b65cp-3, 0x1.b1fc7p-4,
                                         -0x1.f23794p-5};
  // erf(s) / s - 1, x = s^2 <= 0.9^2: -28.25 bits
  static constexpr std::array<T, 7> erf{0x1.06eba8p-3, -0x1.812744p-2,  0x1.ce2e56p-4, -0x1.b8151cp-6,
                                        0x1.5508d4p-8, -0x1.ac8d02p-11, 0x1.64a682p-14};
  // log(erfc(x)) for 0.9 <= x <= 4: -29.625 bits
  static constexpr std::array<T, 9> log_erfc{0x1.41a996p-13, -0x1.21202ap0,   -0x1.446acep-1,
                                             -0x1.b9fb4cp-4, 0x1.96884cp-6,   -0x1.070564p-8,
                                             0x1.9378eep-12, -0x1.9db35ep-17, -0x1.63dffcp-21};
  // exp(y^2) erfc(y) (y + 3), x = (y - 3) / (y + 3), 0 <= y <= 10.2225: -25.125 bits
  static constexpr std::array<T, 10> erfcx{0x1.12f21ep0,    -0x1.c44c48p-1, 0x1.2e3268p-1,   -0x1.3deaccp-2,
                                           0x1.e99758p-4,   -0x1.b7bebp-6,  -0x1.418cb6p-10, 0x1.93c13cp-9,
                                           -0x1.fa4656p-12, -0x1.54f188p-12};
  // (1 - tanh(s) / s) / x, x = s^2 <= 1: -23.5 bits
  static constexpr std::array<T, 7> tanhshrink{0x1.555554p-2, -0x1.110ffep-3, 0x1.b9d588p-5, -0x1.62e1ccp-6,
                                               0x1.0d53ecp-7, -0x1.49163ap-9, 0x1.b939e8p-12};
  // cbrt(x) for 1 <= x <= 2: -13.5625 bits
  static constexpr std::array<T, 4> cbrt{0x1.1b8502p-1, 0x1.2b9762p-1, -0x1.4af8ecp-3, 0x1.7590ccp-6};
};

template <>
struct Table<double> {
  using T = double;
  // (exp(x) - 1 - x) / x^2 for |x| <= log(2) / 2: -60.5 bits
  static constexpr std::array<T, 11> exp{0x1p-1,
                                         0x1.555555555555cp-3,
                                         0x1.555555555555ep-5,
                                         0x1.111111110eb9ep-7,
                                         0x1.6c16c16c13551p-10,
                                         0x1.a01a01b3c32c8p-13,
                                         0x1.a01a01b463628p-16,
                                         0x1.71ddef7f68166p-19,
                                         0x1.27e4bf17cd936p-22,
                                         0x1.af6cf0e2a92dfp-26,
                                         0x1.1f9e108e24a0fp-29};
  // (log((1 + s) / (1 - s)) / s - 2) / x, x = s^2 <= 0.0294: -57.75 bits
  static constexpr std::array<T, 7> log{0x1.5555555555593p-1, 0x1.999999997fcap-2, 0x1.2492494201cacp-2,
                                        0x1.c71c51fae9c51p-3, 0x1.7466420d81e2p-3, 0x1.39a1651f2b2c2p-3,
                                        0x1.2f08ed1533c1ep-3};
  // (asin(s) / s - 1) / x, x = s^2 <= 1/4: -58.75 bits
  static constexpr std::array<T, 13> asin{0x1.5555555555578p-3, 0x1.333333332df7ep-4, 0x1.6db6db72260f9p-5,
                                          0x1.f1c71a8dc1c83p-6, 0x1.6e8bdfa698dbap-6, 0x1.1c49e2b87778p-6,
                                          0x1.ca20ce554089fp-7, 0x1.757b77e2b1514p-7, 0x1.6173ff378d007p-7,
                                          0x1.e2bdeb6f7cd25p-9, 0x1.6492dd39f5841p-6, -0x1.5954c0254c7abp-6,
                                          0x1.0bb07574621bcp-5};
  // (atan(s) / s - 1) / x, x = s^2 <= tan(pi / 8)^2: -59.25 bits
  static constexpr std::array<T, 11> atan{-0x1.555555555553dp-2, 0x1.999999999588ap-3,  -0x1.24924922ae9cap-3,
                                          0x1.c71c70e69b9f7p-4,  -0x1.745cf8ec7a74dp-4, 0x1.3b111a31a08d9p-4,
                                          -0x1.10ebc3e246dddp-4, 0x1.df0fe704390c1p-5,  -0x1.9cd5388575279p-5,
                                          0x1.37db403e9ed5fp-5,  -0x1.25750e4affe0ep-6};
  // erf(s) / s - 1, x = s^2 <= 1: -56 bits
  static constexpr std::array<T, 13> erf{
      0x1.06eba8214db69p-3,  -0x1.812746b0379e6p-2,  0x1.ce2f21a042b34p-4,  -0x1.b82ce31284f37p-6,
      0x1.565bcd0dbd8f2p-8,  -0x1.c02db3db4908ep-11, 0x1.f9a321e4ae7afp-14, -0x1.f4d1e4342b269p-17,
      0x1.b9df30575a8b9p-20, -0x1.5f1f40dc44365p-23, 0x1.f7b99cbc1f61ap-27, -0x1.38ac21b65a163p-30,
      0x1.06275afdc6ec8p-34};
  // exp(y^2) erfc(y) (y + 4), x = (y - 4) / (y + 4), 0 <= y <= 27.3131: -54 bits
  static constexpr std::array<T, 25> erfcx{
      0x1.18932bf08e154p0,    -0x1.f3fe31ecb49bfp-1,  0x1.8be202d26c706p-1,   -0x1.14eacb1ad0345p-1,
      0x1.52cac2371015p-2,    -0x1.645fd8a4bbb79p-3,  0x1.38dbd2c8e3422p-4,   -0x1.b00c052c68b93p-6,
      0x1.908f472241905p-8,   -0x1.269b51a2be808p-12, -0x1.dd28437cc84f3p-12, 0x1.72cda16b9cca2p-13,
      -0x1.e7efad6b25bacp-19, -0x1.3c6e03402edbep-16, 0x1.3b1862e956849p-18,  0x1.7e2bfaf43cfcap-20,
      -0x1.c76cdb1528bfdp-21, -0x1.414ccbe858158p-24, 0x1.118c7a5ea8ec6p-23,  0x1.519e13859d939p-32,
      -0x1.3c16d00cad791p-26, 0x1.19f3ea673ef9fp-32,  0x1.3a14adf7ab51ep-29,  0x1.2ffb53199cb6cp-34,
      -0x1.2866902df717fp-33};
  // (1 - tanh(s) / s) / x, x = s^2 <= 1: -51.75 bits
  static constexpr std::array<T, 15> tanhshrink{
      0x1.5555555555554p-2,  -0x1.1111111110d87p-3,  0x1.ba1ba1b9d93f3p-5,  -0x1.664f4873571bcp-6,
      0x1.226e337cadf94p-7,  -0x1.d6d389b5a22b7p-9,  0x1.7d9ff0c934880p-10, -0x1.353a8a4f16410p-11,
      0x1.f412eb748013ep-13, -0x1.902c082ae648dp-14, 0x1.34af195559618p-15, -0x1.b084e27212421p-17,
      0x1.f07757447d545p-19, -0x1.8ca54e803611dp-21, 0x1.3e5fe7bc7a8f6p-24};
  // cbrt(x) for 1 <= x <= 2: -13.5625 bits
  static constexpr std::array<T, 4> cbrt{0x1.1b850259b99ddp-1, 0x1.2b9762efeffecp-1, -0x1.4af8eb64ea1ecp-3,
                                         0x1.7590cccfad50bp-6};
  // (sin(s) / s - 1) / x, x = s^2 <= (pi / 4)^2: -57.25 bits
  static constexpr std::array<T, 7> sin{-0x1.5555555555555p-3, 0x1.111111111110bp-7,   -0x1.a01a01a018ae2p-13,
                                        0x1.71de3a533958cp-19, -0x1.ae64529824602p-26, 0x1.6120929eacaedp-33,
                                        -0x1.aaa53ace0acep-41};
  // (cos(s) - 1 + x / 2) / x^2, x = s^2 <= (pi / 4)^2: -60 bits
  static constexpr std::array<T, 7> cos{0x1.5555555555555p-5,   -0x1.6c16c16c16c1p-10, 0x1.a01a01a018de8p-16,
                                        -0x1.27e4fb75fd5dbp-22, 0x1.1eed8ca38edd7p-29, -0x1.939338236fab4p-37,
                                        0x1.aac59f861d682p-45};
  // the same for float results: -37.5 bits
  static constexpr std::array<T, 4> short_sin{-0x1.5555554cb8afdp-3, 0x1.1111089564328p-7,
                                              -0x1.a00f9ce9eab01p-13, 0x1.6cd82aeac1f42p-19};
  // the same for float results: -43.25 bits
  static constexpr std::array<T, 4> short_cos{0x1.5555554f4d68fp-5, -0x1.6c16b897d93fp-10,
                                              0x1.a0111f84fa486p-16, -0x1.242ab402c444dp-22};
  // (sin(s) / s - 1) / x, x = s^2 <= (pi / 2)^2, for float results: -35.75 bits
  static constexpr std::array<T, 5> wide_sin{-0x1.5555554957963p-3, 0x1.11110cc0e1ad6p-7,
                                             -0x1.a017fd68f157bp-13, 0x1.7174c316ece02p-19,
                                             -0x1.9ac25459e25a6p-26};
  // (exp(x) - 1 - x) / x^2 for |x| <= log(2) / 2, for float results: -34.25 bits
  static constexpr std::array<T, 6> short_exp{0x1.00000043068b6p-1,  0x1.555555981bea1p-3,
                                              0x1.5554801dab69cp-5,  0x1.11107cc702ce8p-7,
                                              0x1.6d96b7ffd2fc6p-10, 0x1.a1b83d7745f5ep-13};
  // (log((1 + s) / (1 - s)) / s - 2) / x, x = s^2 <= 0.0294, for float results: -36.5 bits
  static constexpr std::array<T, 4> short_log{0x1.555554fd7512cp-1, 0x1.999a7ad769e39p-2,
                                              0x1.2438c32df9126p-2, 0x1.e2f99b94941d2p-3};
  // ((log((1 + s) / (1 - s)) / s - 2) / x - 2/3) / x, x = s^2 <= 0.0294: -65.5 bits
  static constexpr std::array<T, 8> pow_log{0x1.9999999999996p-2, 0x1.249249249303dp-2, 0x1.c71c71c57f701p-3,
                                            0x1.745d1832c9cafp-3, 0x1.3b136296516b1p-3, 0x1.1120ba65eaa2ep-3,
                                            0x1.de32af235655fp-4, 0x1.eb176d7fe2c71p-4};
};

}  // namespace xgrad::detail
