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
    "GeneralizedPareto": ("D.GeneralizedPareto(t([0., 1., 2.]), t([1., 2., 0.5]), t([0., 0.3, -0.4]))", "D.GeneralizedPareto(0., 1., 0.1)"),
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
