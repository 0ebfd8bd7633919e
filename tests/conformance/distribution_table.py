"""Distributions as text, for both libraries: `t` makes a parameter that needs a gradient, `c` a constant, `D` is torch.distributions."""

MATRIX = "[[2., 0.5, 0.1], [0.5, 1., 0.2], [0.1, 0.2, 1.5]]"
FACTOR = "[[1.2, 0., 0.], [0.3, 0.8, 0.], [-0.5, 0.2, 1.5]]"

TABLE = {
    "Bernoulli": (
        "D.Bernoulli(t([0.1, 0.5, 0.8]))", "D.Bernoulli(logits=t([-1., 0.2, 3.]))", "D.Bernoulli(0.3)", "D.Bernoulli(probs=t([[0.2], [1.0], [0.0]]))",
    ),
    "Beta": ("D.Beta(t([0.5, 2., 30.]), t([0.7, 3., 5.]))", "D.Beta(2., 3.)", "D.Beta(t([[0.4], [3.]]), t([2., 0.3]))"),
    "Binomial": (
        "D.Binomial(5, t([0.1, 0.5, 0.9]))", "D.Binomial(40, logits=t([-0.5, 2.]))", "D.Binomial(c([3., 8.]), t([0.3, 0.6]))", "D.Binomial(3, t([0., 1.]))",
    ),
    "Categorical": (
        "D.Categorical(t([0.1, 0.6, 0.3]))", "D.Categorical(logits=t([[0.5, -1., 2.], [0., 0., 0.]]))", "D.Categorical(t([[0.2, 0.8], [1., 3.]]))",
        "D.Categorical(probs=t([0., 0.4, 0.6]))",
    ),
    "Cauchy": ("D.Cauchy(t([0., 1.]), t([1., 2.5]))", "D.Cauchy(0., 1.)"),
    "Chi2": ("D.Chi2(t([0.5, 3., 10.]))", "D.Chi2(4.)"),
    "ContinuousBernoulli": (
        "D.ContinuousBernoulli(t([0.1, 0.4, 0.9]))", "D.ContinuousBernoulli(logits=t([-2., 0.5]))", "D.ContinuousBernoulli(t([0.5, 0.4995]))",
    ),
    "Dirichlet": ("D.Dirichlet(t([0.5, 2., 3.]))", "D.Dirichlet(t([[0.6, 0.7], [5., 20.]]))"),
    "Exponential": ("D.Exponential(t([0.5, 3.]))", "D.Exponential(2.)"),
    "FisherSnedecor": ("D.FisherSnedecor(t([1., 3., 7.]), t([2., 5., 9.]))", "D.FisherSnedecor(3., 6.)"),
    "Gamma": ("D.Gamma(t([0.3, 1., 12.]), t([0.5, 2., 3.]))", "D.Gamma(2., 3.)", "D.Gamma(t([[0.5], [2.]]), 1.5)"),
    "GeneralizedPareto": ("D.GeneralizedPareto(t([0., 1., 2.]), t([1., 2., 0.5]), t([0.1, 0.3, -0.4]))", "D.GeneralizedPareto(t([0., 1.]), t([1., 2.]), c([0., 0.3]))", "D.GeneralizedPareto(0., 1., 0.1)"),
    "Geometric": ("D.Geometric(t([0.1, 0.5, 1.0]))", "D.Geometric(logits=t([-1., 0.5]))"),
    "Gumbel": ("D.Gumbel(t([0., 1.]), t([1., 2.5]))", "D.Gumbel(0., 1.)"),
    "HalfCauchy": ("D.HalfCauchy(t([1., 2.5]))", "D.HalfCauchy(1.)"),
    "HalfNormal": ("D.HalfNormal(t([1., 2.5]))", "D.HalfNormal(1.)"),
    "Independent": (
        "D.Independent(D.Normal(t([[0., 1.], [2., 3.]]), t([1., 2.])), 1)", "D.Independent(D.Bernoulli(t([0.2, 0.7])), 0)",
        "D.Independent(D.Dirichlet(t([[0.6, 0.7], [5., 20.]])), 1)",
    ),
    "InverseGamma": ("D.InverseGamma(t([0.6, 2.5, 6.]), t([0.5, 2., 3.]))", "D.InverseGamma(3., 2.)"),
    "Kumaraswamy": ("D.Kumaraswamy(t([0.7, 2., 3.]), t([0.6, 1., 4.]))",),
    "LKJCholesky": ("D.LKJCholesky(3, t([0.5, 1., 3.]))", "D.LKJCholesky(2)", "D.LKJCholesky(4, t(1.5))"),
    "Laplace": ("D.Laplace(t([0., 1.]), t([1., 2.5]))", "D.Laplace(0., 1.)"),
    "LogNormal": ("D.LogNormal(t([0., 1.]), t([1., 0.5]))", "D.LogNormal(0., 1.)"),
    "LogisticNormal": ("D.LogisticNormal(t([0., 1., 0.5]), t([1., 0.5, 0.3]))", "D.LogisticNormal(t([[0., 1.], [0.2, 3.]]), t([1., 0.5]))"),
    "LowRankMultivariateNormal": (
        "D.LowRankMultivariateNormal(t([0., 1., 2.]), t([[1., 0.5], [0.2, 0.3], [-1., 2.]]), t([1., 0.5, 2.]))",
        "D.LowRankMultivariateNormal(t([[0., 1.], [2., 3.]]), t([[1.], [0.2]]), t([1., 0.5]))",
    ),
    "MixtureSameFamily": (
        "D.MixtureSameFamily(D.Categorical(t([0.2, 0.8])), D.Normal(t([0., 3.]), t([1., 0.5])))",
        "D.MixtureSameFamily(D.Categorical(logits=t([[0.2, 0.8], [1., -1.]])), D.Normal(t([[0., 3.], [1., 5.]]), t([1., 0.5])))",
        "D.MixtureSameFamily(D.Categorical(t([0.2, 0.8])), D.Independent(D.Normal(t([[0., 3.], [1., 2.]]), t([1., 0.5])), 1))",
        f"D.MixtureSameFamily(D.Categorical(c([0.5, 0.5])), D.MultivariateNormal(t([[0., 1., 2.], [3., 4., 5.]]), scale_tril=t({FACTOR})))",
    ),
    "Multinomial": ("D.Multinomial(4, t([0.2, 0.3, 0.5]))", "D.Multinomial(10, logits=t([[0.5, -1., 2.], [0., 0., 0.]]))"),
    "MultivariateNormal": (
        f"D.MultivariateNormal(t([0., 1., 2.]), t({MATRIX}))", f"D.MultivariateNormal(t([0., 1., 2.]), precision_matrix=t({MATRIX}))",
        f"D.MultivariateNormal(t([[0., 1., 2.], [3., 4., 5.]]), scale_tril=t({FACTOR}))", f"D.MultivariateNormal(t([0., 1., 2.]), t([{MATRIX}, {MATRIX}]))",
    ),
    "NegativeBinomial": ("D.NegativeBinomial(t([2.5, 4.]), t([0.3, 0.6]))", "D.NegativeBinomial(3, logits=t([-1., 0.5]))", "D.NegativeBinomial(c([0.]), t([0.3]))"),
    "Normal": ("D.Normal(t([0., 1.]), t([1., 2.5]))", "D.Normal(0., 1.)", "D.Normal(t([[0.], [1.]]), t([1., 2., 3.]))"),
    "OneHotCategorical": ("D.OneHotCategorical(t([0.1, 0.6, 0.3]))", "D.OneHotCategorical(logits=t([[0.5, -1., 2.], [0., 0., 0.]]))"),
    "OneHotCategoricalStraightThrough": ("D.OneHotCategoricalStraightThrough(t([0.1, 0.6, 0.3]))", "D.OneHotCategoricalStraightThrough(logits=t([[0.5, -1., 2.]]))"),
    "Pareto": ("D.Pareto(t([1., 2., 0.5]), t([0.7, 1.5, 4.]))", "D.Pareto(1., 3.)"),
    "Poisson": ("D.Poisson(t([0.3, 4., 30.]))", "D.Poisson(2.)"),
    "RelaxedBernoulli": ("D.RelaxedBernoulli(t(0.7), t([0.1, 0.5, 0.8]))", "D.RelaxedBernoulli(c(2.), logits=t([-1., 0.2]))"),
    "RelaxedOneHotCategorical": ("D.RelaxedOneHotCategorical(t(0.7), t([0.1, 0.6, 0.3]))", "D.RelaxedOneHotCategorical(c(2.), logits=t([[0.5, -1., 2.], [0., 0., 0.]]))"),
    "StudentT": ("D.StudentT(t([0.8, 1.5, 4.]), t([0., 1., 2.]), t([1., 2., 0.5]))", "D.StudentT(3.)"),
    "TransformedDistribution": (
        "D.TransformedDistribution(D.Normal(t([0., 1.]), t([1., 0.5])), [D.SigmoidTransform()])",
        "D.TransformedDistribution(D.Uniform(t([0., 0.1]), t([1., 0.9])), [D.SigmoidTransform().inv, D.AffineTransform(t(1.), t([2., -3.]))])",
        "D.TransformedDistribution(D.Normal(t(0.), t(1.)), [D.AffineTransform(t([1., 2.]), t([0.5, -2.]))])",
        "D.TransformedDistribution(D.Normal(t([0., 1.]), t([1., 0.5])), [D.StickBreakingTransform()])",
        "D.TransformedDistribution(D.Independent(D.Normal(t([0., 1., 2.]), c(1.)), 1), [D.CorrCholeskyTransform()])",
        "D.TransformedDistribution(D.Normal(t([[0., 1.], [2., 3.]]), c(1.)), [D.ReshapeTransform((2, 2), (4,)), D.ExpTransform()])",
        "D.TransformedDistribution(D.Exponential(t([1., 2.])), [])",
    ),
    "Uniform": ("D.Uniform(t([0., -1.]), t([1., 2.5]))", "D.Uniform(0., 1.)"),
    "VonMises": ("D.VonMises(t([0., 1., -2.]), t([0.5, 3., 40.]))", "D.VonMises(0., 1.)"),
    "Weibull": ("D.Weibull(t([1., 2.5, 2.]), t([0.7, 1.5, 2.]))", "D.Weibull(1., 2.)"),
    "Wishart": (
        f"D.Wishart(t(4.5), t({MATRIX}))", f"D.Wishart(t([4.5, 6.]), scale_tril=t({FACTOR}))", f"D.Wishart(5., precision_matrix=t({MATRIX}))",
    ),
}  # fmt: skip

# Parameters that are refused, or not
INVALID = (
    "D.Normal(0., -1.)", "D.Normal(c([0., 1.]), c([1., 0.]))", "D.Normal(c([float('nan')]), 1.)", "D.Normal('a', 1.)", "D.Normal(c([0., 1.]), c([1., 2., 3.]))",
    "D.Bernoulli()", "D.Bernoulli(0.5, 0.5)", "D.Bernoulli(1.5)", "D.Beta(-1., 1.)", "D.Binomial(-1, 0.5)", "D.Binomial(2.5, 0.5)", "D.Binomial(2, 1.5)",
    "D.Categorical(c(0.5))", "D.Categorical(c([-0.1, 1.1]))", "D.Categorical()", "D.Categorical(logits=c([float('nan'), 0.]))", "D.Cauchy(0., 0.)", "D.Chi2(-1.)",
    "D.ContinuousBernoulli(1.5)", "D.Dirichlet(c(1.))", "D.Dirichlet(c([1., -1.]))", "D.Exponential(0.)", "D.FisherSnedecor(0., 1.)", "D.Gamma(0., 1.)",
    "D.Gamma(1., 0.)", "D.GeneralizedPareto(0., -1., 0.)", "D.Geometric(0.)", "D.Geometric(2.)", "D.Gumbel(0., -1.)", "D.HalfNormal(-1.)", "D.HalfCauchy(-1.)",
    "D.Independent(D.Normal(0., 1.), 1)", "D.InverseGamma(-1., 1.)", "D.Kumaraswamy(-1., 1.)", "D.LKJCholesky(1)", "D.LKJCholesky(2, -1.)", "D.Laplace(0., -1.)", "D.LogNormal(0., -1.)",
    "D.LowRankMultivariateNormal(c(0.), c([[1.]]), c([1.]))", "D.LowRankMultivariateNormal(c([0., 1.]), c([[1.]]), c([1., 1.]))", "D.LowRankMultivariateNormal(c([0., 1.]), c([[1.], [1.]]), c([1., -1.]))",
    "D.MixtureSameFamily(D.Normal(0., 1.), D.Normal(0., 1.))", "D.MixtureSameFamily(D.Categorical(c([0.5, 0.5])), D.Normal(c([0., 1., 2.]), 1.))",
    "D.MixtureSameFamily(D.Categorical(c([0.5, 0.5])), 3)", "D.Multinomial(c([1., 2.]), c([0.5, 0.5]))", "D.MultivariateNormal(c(0.), c([[1.]]))", "D.MultivariateNormal(c([0.]))",
    "D.MultivariateNormal(c([0.]), c([1.]))", "D.MultivariateNormal(c([0., 1.]), c([[1., 2.], [2., 1.]]))", "D.MultivariateNormal(c([0., 1.]), scale_tril=c([[1., 2.], [2., 1.]]))", "D.MultivariateNormal(c([0., 1.]), c([[1., 2.], [0., 1.]]))",
    "D.NegativeBinomial(-1., 0.5)", "D.NegativeBinomial(1., 1.)", "D.OneHotCategorical(c([-0.1, 1.1]))", "D.Pareto(-1., 1.)", "D.Poisson(-1.)", "D.RelaxedBernoulli(c(1.), c([1.5]))",
    "D.StudentT(-1.)", "D.TransformedDistribution(D.Normal(0., 1.), 3)", "D.TransformedDistribution(D.Normal(0., 1.), [D.StickBreakingTransform()])", "D.TransformedDistribution(D.Normal(0., 1.), (D.ExpTransform(),))", "D.Uniform(1., 0.)", "D.Uniform(1., 1.)",
    "D.Uniform(1., 0., validate_args=False)", "D.VonMises(0., -1.)", "D.Weibull(-1., 1.)", "D.Wishart(1., c([[1., 0.], [0., 1.]]))", "D.Wishart(3., c([1.]))", "D.Wishart(3.)", "D.AffineTransform(0., 1., cache_size=2)", "D.ReshapeTransform((2,), (3,))",
    "D.Distribution.set_default_validate_args('yes')", "D.Normal(0., 1.).sample_n(2)", "D.Normal(0., 1.).rsample(3)", "D.Bernoulli(0.5).rsample()", "D.Gamma(2., 1.).icdf(c(0.5))", "D.Poisson(1.).entropy()", "D.Normal(0., 1.).enumerate_support()",
    "D.Normal(0., 1.).log_prob(1.)", "D.Normal(c([0., 1.]), 1.).log_prob(c([1., 2., 3.]))", "D.Normal(0., 1.).log_prob(c(float('nan')))", "D.Bernoulli(0.5).log_prob(c(0.5))", "D.Exponential(1.).log_prob(c(-1.))", "D.Exponential(1.).cdf(c(-1.))",
    "D.Uniform(0., 1.).log_prob(c(2.))", "D.Uniform(0., 1.).log_prob(c(1.))", "D.Beta(1., 1.).log_prob(c(-0.1))", "D.Categorical(c([0.5, 0.5])).log_prob(c(2.))", "D.Dirichlet(c([1., 1.])).log_prob(c([0.4, 0.4]))", "D.Dirichlet(c([1., 1.])).log_prob(c([0.2, 0.3, 0.5]))",
    "D.HalfNormal(1.).log_prob(c(-1.))", "D.HalfNormal(1., validate_args=False).log_prob(c(-1.))", "D.HalfCauchy(1., validate_args=False).log_prob(c(-1.))", "D.Uniform(0., 1., validate_args=False).log_prob(c([-1., 0., 0.5, 1., 2.]))", "D.Multinomial(2, c([0.5, 0.5])).log_prob(c([1., 2.]))", "D.MultivariateNormal(c([0., 1.]), c([[1., 0.], [0., 1.]])).log_prob(c(0.))",
    "D.Binomial(c([2., 3.]), 0.5).entropy()", "D.Binomial(c([2., 3.]), 0.5).enumerate_support()", "D.Independent(D.Bernoulli(c([0.5, 0.5])), 1).enumerate_support()", "D.kl_divergence(D.Normal(0., 1.), D.Poisson(1.))", "D.kl_divergence(D.Binomial(2, 0.5), D.Binomial(3, 0.5))",
    "D.kl_divergence(D.Independent(D.Normal(c([0., 1.]), 1.), 1), D.Independent(D.Normal(c([0., 1.]), 1.), 0))", "D.kl_divergence(D.LogNormal(0., 1.), D.HalfCauchy(1.))", "D.transform_to(D.constraints.boolean)", "D.biject_to(D.constraints.positive_definite)", "D.biject_to.register(3, None)(lambda c: c)", "D.register_kl(3, 4)",
    "D.ComposeTransform([D.StickBreakingTransform()]).event_dim", "D.StickBreakingTransform().inv.sign", "D.SoftmaxTransform().log_abs_det_jacobian(c([1.]), c([1.]))", "D.IndependentTransform(D.ExpTransform(), 1)(c(1.))", "D.constraints.dependent.check(c(1.))", "D.constraints.dependent.event_dim", "D.constraints.independent(D.constraints.real, 1).check(c(1.))",
    "D.constraints.cat([D.constraints.real, D.constraints.positive]).check(c([1.]))",
    "D.constraints.cat([3])", "D.StackTransform([D.ExpTransform(), D.ExpTransform()])(c([1., 2., 3.]))", "D.CatTransform([D.ExpTransform(), D.ExpTransform()], lengths=[1, 1])(c([1., 2., 3.]))", "D.Distribution().mean", "D.Distribution(validate_args=False).log_prob(c(1.))", "D.Normal(0., 1.).expand('a')", "D.Transform()(c(1.))",
)  # fmt: skip

# Divergences: of all pairs of these
FIRST = {name: texts[0] for name, texts in TABLE.items()}
KL_FORMS = {
    "Bernoulli": ("D.Bernoulli(t([0.1, 0.5, 0.8]))", "D.Bernoulli(logits=t([0.3, -1., 2.]))", "D.Bernoulli(t([0., 1., 0.]))"),
    "Beta": ("D.Beta(t([0.5, 2., 30.]), t([0.7, 3., 5.]))", "D.Beta(t([2., 1., 3.]), t([1., 3., 0.5]))"),
    "Binomial": ("D.Binomial(30, t([0.1, 0.5, 0.8]))", "D.Binomial(20, t([0.3, 0.5, 0.6]))", "D.Binomial(20, t([0.1, 0.5, 0.7]))"),
    "Categorical": ("D.Categorical(t([0.1, 0.6, 0.3]))", "D.Categorical(t([0., 0.5, 0.5]))", "D.Categorical(logits=t([0.1, 2., -1.]))"),
    "Cauchy": ("D.Cauchy(t([0., 1., 2.]), t([1., 2.5, 0.3]))", "D.Cauchy(0., 1.)"),
    "Chi2": ("D.Chi2(t([0.5, 3., 10.]))", "D.Chi2(4.)"),
    "ContinuousBernoulli": ("D.ContinuousBernoulli(t([0.1, 0.5, 0.8]))", "D.ContinuousBernoulli(t([0.3, 0.9, 0.4]))"),
    "Dirichlet": ("D.Dirichlet(t([0.5, 2., 3.]))", "D.Dirichlet(t([1., 4., 0.3]))"),
    "Exponential": ("D.Exponential(t([0.5, 2., 3.]))", "D.Exponential(t([1., 0.2, 4.]))"),
    "Gamma": ("D.Gamma(t([0.5, 2., 3.]), t([1., 2., 0.3]))", "D.Gamma(t([1., 0.2, 4.]), 2.)"),
    "Geometric": ("D.Geometric(t([0.1, 0.5, 0.8]))", "D.Geometric(t([0.3, 0.9, 0.2]))"),
    "Gumbel": ("D.Gumbel(t([0., 1., -2.]), t([1., 2.5, 0.3]))", "D.Gumbel(0.5, 1.)"),
    "HalfNormal": ("D.HalfNormal(t([1., 2.5, 3.]))", "D.HalfNormal(1.)"),
    "Independent": ("D.Independent(D.Normal(t([0., 1.]), c(1.)), 1)", "D.Independent(D.Normal(t([2., 1.]), t(2.)), 1)"),
    "Laplace": ("D.Laplace(t([0., 1., -2.]), t([1., 2.5, 0.3]))", "D.Laplace(0.5, 1.)"),
    "LogNormal": ("D.LogNormal(t([0., 1.]), t([1., 2.5]))", "D.LogNormal(0.5, 1.)"),
    "LowRankMultivariateNormal": (FIRST["LowRankMultivariateNormal"], "D.LowRankMultivariateNormal(t([1., 1., 0.]), t([[1.], [0.3], [2.]]), t([2., 0.7, 1.]))"),
    "MultivariateNormal": (FIRST["MultivariateNormal"], TABLE["MultivariateNormal"][1], TABLE["MultivariateNormal"][2]),
    "Normal": ("D.Normal(t([0., 1., -2.]), t([1., 2.5, 0.3]))", "D.Normal(0.5, 1.)"),
    "OneHotCategorical": ("D.OneHotCategorical(t([0.1, 0.6, 0.3]))", "D.OneHotCategorical(t([0.3, 0.2, 0.5]))"),
    "Pareto": ("D.Pareto(t([1., 0.5, 2.]), t([3., 2.5, 4.]))", "D.Pareto(t([0.9, 0.3, 3.]), t([3., 2., 4.]))"),
    "Poisson": ("D.Poisson(t([0.3, 4., 30.]))", "D.Poisson(t([2., 3., 10.]))"),
    "TransformedDistribution": tuple(f"D.TransformedDistribution(D.Normal(t({m}), c(1.)), [D.ExpTransform(), D.SigmoidTransform()])" for m in (0.5, 2.0)),
    "Uniform": ("D.Uniform(t([0.1, 1., 3.]), t([0.7, 2., 5.]))", "D.Uniform(t([-0.5, 0.5, 2.]), t([2., 3., 6.]))"),
    "Wishart": (FIRST["Wishart"], TABLE["Wishart"][2]),
}  # fmt: skip

# Maps, and what they are given
TRANSFORMS = {
    "D.AbsTransform()": "[-1., 2., 0.5]", "D.AffineTransform(t(1.), t([2., -3., 0.5]))": "[-1., 2., 0.5]", "D.AffineTransform(1., 2.)": "[-1., 2.]",
    "D.AffineTransform(t([1., 2.]), t([2., -3.]), event_dim=1)": "[[1., 2.], [3., 4.]]", "D.AffineTransform(1, 2, 1)": "[[1., 2.], [3., 4.]]",
    "D.ExpTransform()": "[-1., 2., 0.]", "D.PowerTransform(t(2.))": "[1., 2.]", "D.PowerTransform(t([-1., 0.5]))": "[1., 2.]", "D.PowerTransform(2)": "[1., 2.]",
    "D.SigmoidTransform()": "[-50., -1., 0., 2., 50.]", "D.SoftplusTransform()": "[-10., 0., 5., 30.]", "D.TanhTransform()": "[-3., 0., 0.5]",
    "D.SoftmaxTransform()": "[[1., 2., 0.], [0., 0., 3.]]", "D.StickBreakingTransform()": "[[1., 2., 0.], [0., 0., 3.]]",
    "D.LowerCholeskyTransform()": "[[1., 2.], [0.3, -1.]]", "D.PositiveDefiniteTransform()": "[[[1., 2.], [0.3, -1.]]]", "D.CorrCholeskyTransform()": "[[0.5, -1., 0.2]]",
    "D.CumulativeDistributionTransform(D.Normal(t(0.5), t(2.)))": "[-1., 0.3, 2.]", "D.ReshapeTransform((2, 2), (4,))": "[[[1., 2.], [3., 4.]]]",
    "D.ComposeTransform([D.AffineTransform(t(0.5), t(-1.)), D.SigmoidTransform(), D.ExpTransform().inv])": "[0.3, -1.]",
    "D.ComposeTransform([D.StickBreakingTransform(), D.AffineTransform(0., t(3.))])": "[[0.3, -1.]]", "D.ComposeTransform([])": "[1., 2.]", "D.identity_transform": "[1., 2.]",
    "D.IndependentTransform(D.ExpTransform(), 1)": "[[0.3, -1.]]", "D.StackTransform([D.ExpTransform(), D.TanhTransform()], dim=1)": "[[0.3, -1.]]",
    "D.CatTransform([D.ExpTransform(), D.AffineTransform(t(1.), 2.)], dim=-1, lengths=[2, 1])": "[[0.3, -1., 3.]]",
    "D.CatTransform([D.IndependentTransform(D.ExpTransform(), 1), D.IndependentTransform(D.TanhTransform(), 1)], lengths=[1, 2])": "[[0.3, -1.], [1., 2.], [3., 0.5]]",
    "D.TanhTransform().inv": "[-0.5, 0.3]", "D.StickBreakingTransform().inv": "[0.2, 0.5, 0.3]", "D.ComposeTransform([D.ExpTransform(), D.TanhTransform()]).inv": "[0.5, 0.3]",
    "D.ExpTransform(cache_size=1)": "[1., 2.]", "D.TanhTransform().with_cache()": "[1., 2.]",
    **{f"D.{r}(D.constraints.{c})": x for r in ("biject_to", "transform_to") for c, x in {
        "real": "[1.]", "positive": "[1.]", "nonnegative": "[-1.]", "greater_than(t(2.))": "[1.]", "greater_than_eq(2)": "[1.]", "less_than(2.)": "[1.]", "interval(-1., t(2.))": "[1.]",
        "unit_interval": "[1.]", "half_open_interval(1, 3)": "[1.]", "simplex": "[1., 2.]", "corr_cholesky": "[1., 2., 0.5]", "real_vector": "[[1., 2.]]", "independent(D.constraints.positive, 1)": "[[1., 2.]]",
        "stack([D.constraints.positive, D.constraints.real], 0)": "[1., 2.]", "cat([D.constraints.positive, D.constraints.real], 0, [2, 1])": "[1., 2., 3.]"}.items()},
    "D.transform_to(D.constraints.lower_cholesky)": "[[1., 2.], [0.3, -1.]]", "D.transform_to(D.constraints.positive_definite)": "[[1., 2.], [0.3, -1.]]",
    "D.transform_to(D.constraints.positive_semidefinite)": "[[1., 2.], [0.3, -1.]]",
}  # fmt: skip

# Constraints, and what they are asked about
CONSTRAINTS = {
    "boolean": "[0., 1., 0.5, float('nan')]", "one_hot": "[[0., 1.], [1., 1.], [0., 0.5]]", "nonnegative_integer": "[-1., 0., 0.5, 2.]", "positive_integer": "[0., 1., 1.5]",
    "integer_interval(0, 2)": "[-1., 0., 1.5, 2., 3.]", "real": "[1., float('nan'), float('inf')]", "real_vector": "[[1., 2.], [float('nan'), 0.]]", "positive": "[-1., 0., 1.]", "nonnegative": "[-1., 0., 1.]",
    "greater_than(1.)": "[0., 1., 2.]", "greater_than_eq(1.)": "[0., 1., 2.]", "less_than(1.)": "[0., 1., 2.]", "interval(c([0., 1.]), 2.)": "[[0., 0.], [2., 2.]]", "half_open_interval(0., 1.)": "[0., 0.5, 1.]",
    "simplex": "[[0.5, 0.5], [0.4, 0.4], [-0.5, 1.5]]", "multinomial(3)": "[[1., 2.], [2., 2.], [-1., 2.], [0., 1.]]", "lower_triangular": "[[[1., 0.], [2., 1.]], [[1., 1.], [0., 1.]]]",
    "lower_cholesky": "[[[1., 0.], [2., 1.]], [[1., 0.], [0., -1.]]]", "corr_cholesky": "[[[1., 0.], [0.6, 0.8]], [[1., 0.], [1., 1.]]]", "square": "[[[1., 0.], [2., 1.]]]", "symmetric": "[[[1., 0.], [2., 1.]], [[1., 2.], [2., 1.]]]",
    "positive_semidefinite": "[[[1., 1.], [1., 1.]], [[1., 2.], [2., 1.]]]", "positive_definite": "[[[1., 0.5], [0.5, 1.]], [[1., 2.], [2., 1.]]]", "cat([D.constraints.positive, D.constraints.real], -1, [1, 2])": "[[1., 2., -1.]]",
    "stack([D.constraints.positive, D.constraints.unit_interval], 1)": "[[1., 2.], [-1., 0.5]]", "MixtureSameFamilyConstraint(D.constraints.real_vector)": "[[1., 2.]]",
}  # fmt: skip
