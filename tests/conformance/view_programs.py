"""Programs of views, writes in place, hooks and Functions, one a line: statements, and what to compare.

They know `torch`, `leaf(*shape)` and the functions below. What is compared: values, shapes, `requires_grad`, `is_leaf`, or the type of an
error.
"""


class Names:
    """What the programs call beside the library's own functions."""

    def __init__(self, torch):
        self.torch = torch

    def leaf(self, *shape):
        n = 1
        for size in shape:
            n *= size
        return (self.torch.arange(n, dtype=self.torch.float64) + 1).reshape(shape).requires_grad_()

    def unrecorded(self, run):
        with self.torch.no_grad():
            return run()

    def grad(self, *args, **kwargs):
        return self.torch.autograd.grad(*args, **kwargs)

    def heard(self, y):
        """A list of the gradients that a hook on `y` is given."""
        found = []
        y.register_hook(lambda g: found.append(g.tolist()))
        return found

    def nested(self, y, times):
        for _ in range(times):
            y = y[:]
        return y

    def function(self, forward, backward):
        return type("Own", (self.torch.autograd.Function,), {"forward": staticmethod(forward), "backward": staticmethod(backward)})

    def dirty(self, returns="itself", constant=False, mark=True, write=True):
        """Multiplies its argument in place by 3."""

        def forward(ctx, x):
            if write:
                x.mul_(3)
            if mark:
                ctx.mark_dirty(x)
            if constant:
                ctx.mark_non_differentiable(x)
            return {"itself": lambda: x, "clone": x.clone, "two": lambda: (x, x * 2)}[returns]()

        return self.function(forward, lambda ctx, *g: g[0] * 3 + (g[1] * 6 if returns == "two" else 0))

    def added(self):
        """Adds its second argument to the first in place."""

        def forward(ctx, x, y):
            x.add_(y)
            ctx.mark_dirty(x)
            return x

        return self.function(forward, lambda ctx, g: (g * 10, g * 100))

    def first_two(self):
        """A view of its argument."""
        return self.function(lambda ctx, x: x[:2], lambda ctx, g: self.torch.cat([g, g]) * 5)

    def squared(self, reads=True):
        """Saves its argument."""

        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        return self.function(forward, lambda ctx, g: 2 * ctx.saved_tensors[0] * g if reads else g)

    def exponential(self, inplace=False):
        """Saves its result."""

        def forward(ctx, x):
            out = x.exp_() if inplace else x.exp()
            if inplace:
                ctx.mark_dirty(x)
            ctx.save_for_backward(out)
            return out

        return self.function(forward, lambda ctx, g: g * ctx.saved_tensors[0])


SECTIONS = {
    "mark_dirty": """
x=leaf(4); z=x*1; r=dirty().apply(z[:2]); z.sum().backward() => x.grad,z,r
x=leaf(4); z=x*1; v=z[:2]; r=dirty().apply(v); (z.sum()+v.sum()).backward() => x.grad,z,r is v
x=leaf(4); z=x*1; v=z[:2]; r=dirty().apply(z); v.sum().backward() => x.grad,z,r is z
x=leaf(4) => dirty().apply(x)
x=leaf(4) => dirty().apply(x[:2])
x=leaf(4); z=x*1; r=dirty(constant=True).apply(z) => r, z, r is z
x=leaf(4); z=x*1; v=z[:2]; r=dirty(constant=True).apply(v); z.sum().backward() => r,z,r is v,x.grad
x=leaf(4); z=x*1; r=dirty('clone').apply(z); r.sum().backward() => r,z,x.grad
x=leaf(4); z=x*1; r=dirty('clone').apply(z); z.sum().backward() => r,z,x.grad
x=leaf(4); z=x*1; r,s=dirty('two').apply(z); (r+s).sum().backward() => r,s,z,x.grad, r is z
x=leaf(4); z=x*1; r,s=dirty('two').apply(z[:2]); (r+s).sum().backward() => r,s,z,x.grad
x=leaf(4); z=x*1; r=dirty(mark=False).apply(z); r.sum().backward() => r,z,x.grad, r is z
x=leaf(4); z=x*1; v=z[1:]; r=dirty(mark=False).apply(v); z.sum().backward() => r,z,x.grad, r is z
x=leaf(4); z=x*1; w=z*z; dirty().apply(z); w.sum().backward() => x.grad
z=torch.ones(4); r=dirty().apply(z) => r, r is z, r._version
z=torch.ones(4); v=z[:2]; r=dirty().apply(v) => r, r is v, z
x=leaf(4); z=x*1; r=unrecorded(lambda: dirty().apply(z)); z.sum().backward() => r is z, z, x.grad
x=leaf(4); r=unrecorded(lambda: dirty().apply(x)) => r is x, x
x=leaf(2); z=torch.zeros(4,dtype=torch.float64); v=z[:2]; r=added().apply(v,x); z.sum().backward() => r is v, z, x.grad
x=leaf(2); z=torch.zeros(2,dtype=torch.float64); r=added().apply(z,x); z.sum().backward() => r is z, z, x.grad
x=leaf(4); z=x*1; a,b=z.chunk(2); r=dirty().apply(a) => r
x=leaf(4); z=x*1; seen=heard(z); z.retain_grad(); r=dirty().apply(z); r.sum().backward() => seen,z.grad,x.grad
x=leaf(4); z=x*1; r=dirty().apply(z); z.mul_(2); r.sum().backward() => x.grad, r
x=leaf(4); z=x*1; r=first_two().apply(z); r.sum().backward() => x.grad, r, r._is_view()
x=leaf(4); z=x*1; r=first_two().apply(z); r.mul_(2) => r
x=leaf(4); z=x*1; r=first_two().apply(z); z.mul_(2); r.sum().backward() => x.grad
x=leaf(4); r=dirty(mark=False, write=False).apply(x); r.sum().backward() => r is x, x.grad, r._is_view()
x=leaf(4); z=x*1; r=dirty(mark=False, write=False).apply(z); r.mul_(2) => r
z=torch.ones(3); r=dirty(mark=False, write=False).apply(z) => r is z, r._is_view()
z=torch.ones(3) => dirty('clone').apply(z)
""",
    "saved by a Function": """
x=leaf(3); z=x*1; y=squared().apply(z); z.mul_(2); y.sum().backward() => x.grad
x=leaf(3); y=squared().apply(x); y.sum().backward(retain_graph=False); y.sum().backward() => x.grad
x=leaf(3); y=squared(False).apply(x); y.sum().backward(); y.sum().backward() => x.grad
x=leaf(3); y=squared().apply(x); y.sum().backward(retain_graph=True); y.sum().backward() => x.grad
x=leaf(3); y=exponential().apply(x); y.mul_(2); y.sum().backward() => x.grad
x=leaf(3); z=x*.5; y=exponential(True).apply(z); y.sum().backward() => x.grad
x=leaf(3); z=x*.5; y=exponential(True).apply(z[:2]); z.sum().backward() => x.grad
x=leaf(3); z=x*.5; y=exponential(True).apply(z[:2]); g,=grad(z.sum(),x,create_graph=True); h,=grad((g*g).sum(),x) => g,h
""",
    "hooks and retain_grad": """
x=leaf(3); y=x*2; y.retain_grad(); y.mul_(3); y.sum().backward() => y.grad,x.grad,y.retains_grad
x=leaf(3); y=x*2; s=heard(y); y.mul_(3); r=heard(y); y.sum().backward() => s,r,x.grad
x=leaf(3); y=x*2; y.register_hook(lambda g:g*10); y.mul_(3); y.register_hook(lambda g:g+1); y.sum().backward() => x.grad
x=leaf(3); y=x*2; v=y[1:]; v.retain_grad(); y.mul_(3); (v*v).sum().backward() => v.grad,x.grad,v.retains_grad
x=leaf(3); y=x*2; v=y[1:]; v.retain_grad(); y.mul_(3); (y*y).sum().backward() => v.grad,x.grad
x=leaf(3); y=x*2; v=y[1:]; s=heard(v); w=v*1; y.mul_(3); (v.sum()+w.sum()).backward() => s,x.grad
x=leaf(3); y=x*2; v=y[1:]; v.retain_grad(); y.retain_grad(); v.mul_(3); (y*y).sum().backward() => v.grad,y.grad,x.grad
x=leaf(3); y=x*2; v=y[1:]; v.retain_grad(); y.retain_grad(); v.mul_(3); (v*v).sum().backward() => v.grad,y.grad,x.grad
x=leaf(3); y=x*2; v=y[1:]; s=heard(v); r=heard(y); v.mul_(3); (y*y).sum().backward() => s,r,x.grad
x=leaf(4); y=x*2; a,b=y[:3],y[1:]; a.retain_grad(); b.retain_grad(); a.mul_(2); b.mul_(3); (b*b+a).sum().backward() => a.grad,b.grad,x.grad
x=leaf(3); y=x*2; y.retain_grad(); y.mul_(3); y.add_(1); (y*y).sum().backward() => y.grad,x.grad
s=[]; x=leaf(3); y=x*2; h=y.register_hook(lambda g:s.append(g.tolist())); y.mul_(3); h.remove(); y.sum().backward() => s
x=leaf(3); y=x*2; y.retain_grad(); y[0]=5.; (y*y).sum().backward() => y.grad,x.grad
x=leaf(3); y=x*2; y.retain_grad(); y[y>3]=x[0]; (y*y).sum().backward() => y.grad,x.grad
x=leaf(3); y=x*2; y.retain_grad(); unrecorded(lambda: (y.mul_(3))); (y*y).sum().backward() => y.grad,x.grad
x=leaf(3); y=x*2; v=y[1:]; v.retain_grad(); unrecorded(lambda: (y.mul_(3))); (v*v).sum().backward() => v.grad,x.grad
x=leaf(3); y=x+0; z=y+0; y.retain_grad(); z.retain_grad(); z.sum().backward(); z.grad.zero_() => y.grad,z.grad,x.grad
x=leaf(3); y=x*2; y.retain_grad(); y.sum().backward(retain_graph=True); y.sum().backward() => y.grad
x=leaf(3); y=x*x; y.retain_grad(); (y*y).sum().backward(create_graph=True) => y.grad, y.grad.requires_grad
x=leaf(3); y=x*2; y.retain_grad(); y.zero_(); (y*x).sum().backward() => y.grad,x.grad
x=leaf(2,3); y=x*2; y.retain_grad(); y.t_(); (y*y).sum().backward() => y.grad,x.grad,y.grad.shape
x=leaf(3); y=x*2; z=torch.zeros(3,dtype=torch.float64); z.copy_(y); z.retain_grad(); z.mul_(2); z.sum().backward() => z.grad,x.grad
s=[]; x=leaf(3); y=x*2; y.grad_fn.register_prehook(lambda g:s.append(g[0].tolist())); y.mul_(3); y.sum().backward() => s
x=leaf(3); y=x*2; y.retain_grad(); y.register_hook(lambda g:g*5); y.sum().backward() => y.grad,x.grad
x=leaf(4); y=x*1; a,b=y.chunk(2); a.retain_grad(); y.mul_(2) => a.sum()
x=leaf(4); y=x*1; a,b=y.chunk(2); a.retain_grad(); (a.sum()+(b*b).sum()+y.sum()).backward() => a.grad, x.grad
x=leaf(3); y=x*2; y.mul_(3); g,=grad(y.sum(),y) => g
x=leaf(3); y=x*2; v=y[1:]; y.mul_(3) => grad((v*v).sum(),[y,v])
x=leaf(3); y=x*2; v=y[1:]; v.mul_(3) => grad((y*y).sum(),[y,v],allow_unused=True)
x=leaf(3); y=x*2; y.retain_grad(); z=y*3; z.sum().backward(inputs=[y]) => y.grad, x.grad
x=leaf(3); y=(x*x).sum(); x.requires_grad_(False); y.backward() => x.grad
x=leaf(3); y=(x*x).sum(); x.requires_grad_(False); x.requires_grad_(True); y.backward() => x.grad
x=leaf(3); (x*x).sum().backward(); y=(x*x).sum(); x.requires_grad_(False); a=x.grad.clone(); y.backward(); x.requires_grad_() => x.grad,a
s=[]; x=leaf(3); x.register_hook(lambda g:s.append(1)); y=(x*x).sum(); x.requires_grad_(False); y.backward() => s,x.grad
x=leaf(3); w=leaf(3); y=(x*w).sum(); x.requires_grad=False; y.backward() => x.grad,w.grad
l=torch.nn.Linear(2,1); o=l(torch.ones(1,2)).sum(); l.requires_grad_(False); l.weight.grad; o.backward() => l.weight.grad is None
""",
    "shapes changed in place": """
l=torch.nn.Linear(3,2); p=l.weight; unrecorded(lambda: (p.t_())) => p.shape,p.requires_grad,p.is_leaf,type(p).__name__
x=leaf(2,3); unrecorded(lambda: (x.t_())); (x*x).sum().backward() => x.grad,x
x=leaf(2,3); unrecorded(lambda: x.unsqueeze_(0).squeeze_(0).transpose_(0,1).swapaxes_(0,1)); (x*x).sum().backward() => x.grad,x
x=leaf(2,3); x.t_() => x
x=leaf(2,3); x.data.t_() => x
x=leaf(2,3); y=x*2; v=y[0]; y.t_(); (y*y).sum().backward() => y,x.grad,v
x=leaf(2,3); y=x*2; v=y[0]; y.t_(); v.mul_(3); (y*y).sum().backward() => y,x.grad,v
x=leaf(2,3); y=x*2; v=y[0]; y.t_(); y.mul_(3); (v*v).sum().backward() => y,x.grad,v
x=leaf(2,3); y=x*2; v=y[0]; y.mul_(2); y.t_(); y[0].mul_(3); v.add_(1); (v*v).sum().backward() => y,x.grad,v
x=leaf(3); y=torch.ones(2,3,dtype=torch.float64); v=y[0]; y.t_(); v.mul_(x); (y*y).sum().backward() => y,x.grad,v
x=leaf(4,4); y=x*2; v=y[1:3,:2]; v.t_(); (v*v).sum().backward() => v,x.grad
x=leaf(4,4); y=x*2; v=y[1:3,:2]; v.t_(); v[0].mul_(3); (y*y).sum().backward() => v,x.grad
x=leaf(4,4); y=x*2; v=y[1:3,:3]; v.t_(); v[0].mul_(3); (y*y).sum().backward() => v,x.grad
x=leaf(4,4); y=x*2; v=y[1:3,:3]; v.transpose_(0,1); (y*y*x).sum().backward() => v,x.grad
x=leaf(4,4); y=x*2; v=y[1]; v.unsqueeze_(0); v.mul_(3); (y*y).sum().backward() => v,x.grad
x=leaf(1,4); y=x*2; v=y[0]; y.squeeze_(); y.mul_(3); (v*v).sum().backward() => y,v,x.grad
x=leaf(3,3); y=x*2; unrecorded(lambda: (y.t_())) => y.requires_grad, y.is_leaf, y
x=leaf(2,3); y=x*2; y.unsqueeze_(0).transpose_(1,2).squeeze_().swapaxes_(0,1); (y*y*x).sum().backward() => x.grad,y
x=leaf(2,3); y=x*2; y.as_strided_((3,2),(1,3)); (y*y*y).sum().backward() => x.grad,y
x=leaf(2,4); y=x*2; a,b=y.chunk(2,1); a.t_() => a
y=torch.ones(2,4); a,b=y.chunk(2,1); a.t_(); a.add_(1) => a,y
b=torch.arange(6.).view(2,3); v=b[0]; b.t_(); b[0]=7. => b,v
x=leaf(1,3); y=x*2; e=y.expand(2,3); y.t_(); y.mul_(2); (e*e).sum().backward() => e,x.grad
""",
    "gradients that lie otherwise": """
x=leaf(2,3); a=x*1; a.view(-1).mul_(2); (a.t()@torch.ones(2,2,dtype=torch.float64)).sum().backward() => x.grad
x=leaf(2,3); a=x*1; a.view(-1)[1:4].mul_(2); (a.t()*a.t()).sum().backward() => x.grad
x=leaf(2,3); a=x*1; a.flatten()[1:4].mul_(2); a.t().contiguous().pow(2).sum().backward() => x.grad
x=leaf(2,3); a=x*1; a.view(3,2).mul_(2); a.sum().backward() => x.grad
x=leaf(2,3); a=(x*1).t().contiguous().t(); b=a*1; b.t().view(-1).mul_(2); (b*b).sum().backward() => x.grad,b
x=leaf(2,3); b=x.t()*2; b.t().view(-1)[2:].mul_(2); (b*b).sum().backward() => x.grad,b
x=leaf(2,3); b=x.t()*2; b.t().reshape(-1)[2:].mul_(2); (b*b*leaf(3,2)).sum().backward() => x.grad,b
x=leaf(2,3); a=x*x; a.view(-1)[1:4].mul_(2); g,=grad((a.t()*a.t()).sum(),x,create_graph=True); h,=grad(g.pow(2).sum(),x) => g,h
x=leaf(6); a=x*1; a.unflatten(0,(2,3)).t().mul_(leaf(3,2)); (a*a).sum().backward() => x.grad
x=leaf(2,1); a=(x*1); e=a.expand(2,3); w=e*2; w.view(-1).mul_(2); w.t().sum().backward() => x.grad
""",
    "expanded tensors, windows, several views": """
x=leaf(2,3); y=x*1; e=y.expand(2,3); e.mul_(2); (y*y).sum().backward() => x.grad,e
x=leaf(2,3); y=x*1; e=y.expand_as(x); e.mul_(2); (y*y).sum().backward() => x.grad,e
x=leaf(2,3); y=(x*1).t(); e=torch.broadcast_to(y,(3,2)); e.mul_(2); (y*y).sum().backward() => x.grad,e
x=leaf(2,3); y=x*1; e,_=torch.broadcast_tensors(y,torch.ones(3)); e+=1; (y*y).sum().backward() => x.grad,e,y
y=torch.ones(3).view(1,3); b,_=torch.broadcast_tensors(y,torch.ones(2,3)); b+=1 => b
y=torch.ones(2,3); x=torch.ones(3); b,c=torch.broadcast_tensors(y,x); b+=1 => b,y
x=leaf(1,3); y=x*1; e=y.expand(2,3); e[0].mul_(2); (y*y).sum().backward() => x.grad,e
x=leaf(1,3); y=x*1; e=y.expand(2,3); e[0].mul_(2); (e*e).sum().backward() => x.grad,e
x=leaf(1,3); y=x*1; e=y.expand(2,3); e[1,1:]=5.; (e*e).sum().backward() => x.grad,e
x=leaf(3,1); y=x*1; e=y.expand(3,2).t(); e[0]+=1; (e*e).sum().backward() => x.grad,e
x=leaf(1,3); y=x*1; e=y.expand(2,3); e[:,0]=5. => e
x=leaf(1,3); y=x*1; e=y.expand(2,3); e.copy_(torch.ones(2,3)) => e
x=leaf(1,3); y=x*1; e=y.expand(1,3); e.copy_(leaf(3)); (y*y).sum().backward() => e,x.grad
y=torch.arange(12.).view(3,4)[:, ::2]; e=y.expand(3,2); e+=1 => e,y
x=leaf(6); y=x*1; u=y.unfold(0,2,2); u.mul_(3); (y*y).sum().backward() => x.grad,u
x=leaf(6); y=x*1; u=y.unfold(0,2,2)[1]; u.mul_(leaf(2)); (y*y).sum().backward() => x.grad,u
a,b=torch.meshgrid(torch.arange(2.),torch.arange(3.),indexing='ij'); a+=1 => a
x=leaf(6); y=x*1; e=y.as_strided((2,3),(3,1)); e.mul_(2); (y*y).sum().backward() => x.grad,e
x=leaf(6); y=x*1; e=y.as_strided((4,3),(1,1)); y.mul_(2); (e*e).sum().backward() => x.grad,e
x=torch.arange(8.).view(2,4); a,b=x.chunk(2,-1); a[...,0]=0; b.mul_(2); c,d=x.unbind(0); c+=1; e,f=x.split(2,1); e.zero_() => x,a,b,c
x=leaf(2,4); y=x*1; a,b=y.chunk(2,1); a.mul_(2) => None
y=torch.zeros(2,4,dtype=torch.float64); a,b=y.chunk(2,1); a.add_(leaf(2,2)) => a
x=leaf(2,4); y=x*1; a,b=y.chunk(2,1); unrecorded(lambda: (a.mul_(2))); y.sum().backward() => y,x.grad
x=leaf(2,4); y=x*1; a,b=y.chunk(2,1); y.mul_(2) => a.sum()
x=leaf(2,4); y=(x*1).detach(); a,b=y.chunk(2,1); a.add_(1) => y
x=leaf(1,3); y=x*2; e=y.expand(2,3); e[:,0]=5.; (e.sum()+(y*x).sum()).backward() => x.grad,e
y=torch.ones(1,3); e=y.expand(2,3); e[:,0]=5. => e
y=torch.ones(1,3); e=y.expand(2,3); e[:,:2]=torch.tensor(4.) => e
y=torch.ones(1,3); e=y.expand(2,3); e.fill_(torch.tensor(4.)) => e
y=torch.ones(1,3); e=y.expand(2,3); e[:,:2]=torch.tensor([4.,5]) => e
x=torch.arange(8.).view(2,4); [r.__setitem__(r>2,-1) for r in x.unbind(0)] => x
x=torch.arange(8.).view(2,4); [r.mul_(2) for r in x] => x
""",
    "as_strided, views of views, complex parts": """
x=leaf(6); v=x[1:5]; e=v.as_strided((2,2),(2,1)); (e*e).sum().backward() => e,x.grad
x=leaf(6); v=x[1:5]; e=v.as_strided((2,2),(2,1),0); (e*e).sum().backward() => e,x.grad
x=leaf(2,3); v=x.t(); e=v.as_strided((2,2),(1,2),1); (e*e).sum().backward() => e,x.grad
x=leaf(4,4); y=(x*2)[::2,1:]; e=y.as_strided((3,3),(4,1)); (e*e).sum().backward() => e,x.grad
x=leaf(4,4); y=x*2; e=y[1:].as_strided((2,2),(4,1),1); e.mul_(3); (y*y).sum().backward() => e,x.grad
x=leaf(1,3); y=(x*2).expand(2,3); e=y.as_strided((2,2),(1,1),0); (e*e).sum().backward() => e,x.grad
x=leaf(3,4); y=(x*2); e=y.as_strided((2,3),(4,1),2); f=e.as_strided((2,),(5,),1); g=f[0]; (f*f).sum().backward() => e,f,g,x.grad
x=leaf(3,4); y=(x*2); e=y.as_strided((2,3),(4,1),2); f=e[1]; y.mul_(2); f.add_(1); (y*f.sum()).sum().backward() => e,f,x.grad
x=leaf(6); v=x*x; e=v[1:].as_strided((3,2),(1,1)); g,=grad((e*e).sum(),x,create_graph=True); h,=grad((g*g).sum(),x) => g,h
x=leaf(3) => x.as_strided((2,2),(2,2))
x=leaf(3); z=torch.complex(x,x*2); z.real.mul_(3); torch.view_as_real(z)[...,1].add_(1); (z.abs()**2).sum().backward() => x.grad
x=leaf(3,2); y=x*1; c=torch.view_as_complex(y); c[1:].mul_(2+1j); (y*y).sum().backward() => x.grad
x=leaf(3); z=torch.complex(x,x*2); r=z.imag[1:]; r.mul_(3); (z.real*z.imag).sum().backward() => x.grad,r
x=leaf(3); y=x*2; v=nested(y, 300); v.mul_(3); (y*y).sum().backward() => x.grad, v
x=leaf(3); y=x*2; v=nested(y, 300); y.mul_(3); (v*v).sum().backward() => x.grad, v
""",
    "random fills, powers": """
x=torch.arange(1., 17.).reshape(4,4); x[:, 0].neg_() => x
x=torch.arange(1., 17.,dtype=torch.float64).reshape(2,8); x[:, 0].neg_(); x.t()[3].neg_(); x[:, ::2].exp_() => x
x=torch.arange(64.).view(4,4,4); [x[:, :, 0].neg_(), x[:, 1].abs_(), x[..., 1].tanh_(), x[1].mul_(x[2]), x[:, 2, :2].add_(2)] => x
x=leaf(3); y=x*2; v=y[1:]; y.normal_(); (y*0+x).sum().backward() => x.grad,y.requires_grad,v.requires_grad
x=leaf(3); y=x*2; y[1:].uniform_(); y.sum().backward() => x.grad
x=leaf(3); y=x*2; y.retain_grad(); y.zero_(); y.uniform_(); y.sum().backward() => y.grad,x.grad
x=leaf(3); x.normal_() => None
x=leaf(3); y=x**2; y/=2; y.sum().backward() => x.grad
x=leaf(3); y=x**3; y.mul_(2); y.sum().backward() => x.grad
x=leaf(3); y=x**.5; y.mul_(2); y.sum().backward() => x.grad
x=leaf(3); y=x*2; y.pow_(2); y.sum().backward() => x.grad
x=leaf(3); y=x**2; y[0]=1; y.sum().backward() => x.grad
x=leaf(3); y=torch.float_power(x,2); y.mul_(2); y.sum().backward() => x.grad
""",
    "written without history": """
x=leaf(3); v=x[:]; t=v[[0]]; unrecorded(lambda: x.mul_(0.)) => grad(t+v,[v],torch.ones(3,dtype=torch.float64))
x=leaf(3); v=x.unfold(0,1,1); t=v[0]; unrecorded(lambda: x.abs_()) => grad(t.sum(),[v],allow_unused=True)
x=leaf(3); t=x.clone(); v=t[...]; w=v.unfold(0,3,1); w.mul_(x) => grad(w.sum(),[v],allow_unused=True)
x=leaf(3); t=x[[0]]; v=t.squeeze(); w=v.expand(()); t+=0. => grad(w,[v],allow_unused=True)
x=leaf(3); p=x.chunk(3)[0]; unrecorded(lambda: x.mul_(0)) => p*p
x=leaf(3); y=x*1; p=y.chunk(3)[0]; unrecorded(lambda: p.mul_(0)) => p*p
x=leaf(3); y=x*1; p=y.chunk(3)[0]; unrecorded(lambda: y.mul_(0)); unrecorded(lambda: (p*p, p.mul_(0))) => y
x=leaf(3); y=x*1; p,q,_=y.unbind(); unrecorded(lambda: p.mul_(0)) => q*1
x=leaf(3); y=function(lambda ctx,x: x, lambda ctx,g: g).apply(x); unrecorded(lambda: x.mul_(2)) => y*1
x=leaf(3); v=x[:]; unrecorded(lambda: v.mul_(2)); t=v*1; unrecorded(lambda: v.mul_(2)) => grad((t+v).sum(),[v,x],allow_unused=True)
x=leaf(3); v=x[1:]; w=v[0]; u=v[1]; unrecorded(lambda: x.fill_(2)); (w*u+v.sum()).backward() => x.grad
x=leaf(3); unrecorded(lambda: x[1].fill_(5)); unrecorded(lambda: x.__setitem__(0, 4)); (x*x).sum().backward() => x,x.grad
x=leaf(3); w=x*1; v=w[None]; a=v[:]; b=v.mT; unrecorded(lambda: a.mul_(2)) => grad(b.sum(),[v],allow_unused=True)
x=leaf(3); t=x*2; p=t.split(1)[0]; t.mul_(t.detach()+1); unrecorded(lambda: t*p) => t
x=leaf(3); p=x.split(1)[0]; q=p.reshape(1,1); unrecorded(lambda: x.add_(1)) => q.backward(torch.ones(1,1,dtype=torch.float64))
x=leaf(3); t=x*2; v=t[...]; t*=0.; torch.inference_mode()(lambda: v*x)(); (v+1).sum().backward() => x.grad
x=torch.ones(2,3,dtype=torch.float64).requires_grad_(); v=x[:,]; torch.inference_mode()(lambda: x.swapaxes_(0,1))() => v.sum().backward()
""",
    "identity, hooks, dtypes": """
x=leaf(3) => x.flatten() is x, x.view(3,1).flatten(1,1).is_leaf, torch.flatten(x,0,0) is x, x.sum().flatten().shape, x.flatten(0,1)
x=leaf(3); y=x.view(3,1) => y.flatten(1) is y, y.flatten() is y, torch.nn.Flatten(0)(x) is x, x.flatten(2)
x=leaf(3,4); m=leaf(4); v=leaf(4).detach(); F=torch.nn.functional => F.batch_norm(x,m,v,training=True)
x=leaf(3,4); m=leaf(4); v=leaf(4).detach(); F=torch.nn.functional => F.batch_norm(x,v,m)
x=leaf(3,4,2); m=leaf(4); v=leaf(4).detach(); F=torch.nn.functional => F.instance_norm(x,m,v)
x=leaf(3,4,2); m=leaf(4); v=leaf(4); F=torch.nn.functional => unrecorded(lambda: F.instance_norm(x,m.detach(),v.detach())) is None, m
x=leaf(1).sum() => x.mT is x, torch.ones(()).mH.shape
x=leaf(3); t=x*2; t.grad_fn.register_prehook(lambda g: (g[0]*0,)) => grad(t.sum(),[t,x])
x=leaf(3); t=x*2; t.retain_grad(); t.grad_fn.register_prehook(lambda g: (g[0]*3,)); t.sum().backward() => t.grad,x.grad
x=leaf(3); t=x.to(torch.float16); t.add_(x) => t, grad(t.sum(),[t])[0].dtype is torch.float16
x=leaf(4).half().detach().requires_grad_(); t=x*2; t.copy_(x.norm()) => grad(t.sum(),[x],create_graph=True)[0].dtype is torch.float16
x=leaf(3); y=x*2; y.eq_(1.); y.sum().backward() => y,x.grad
x=leaf(3); y=x*2; y[1:].gt_(4.); y.sum().backward() => y,x.grad
x=leaf(3); y=x*2; y.logical_not_(); y.sum().backward() => y,x.grad
x=leaf(1).sum(); z=torch.complex(x,x*2); torch.view_as_real(z).mul_(3); torch.view_as_real(z).sum().backward(inputs=[x]) => z
c=leaf(1).detach(); v=c.view(1); x=leaf(1); c.sub_(x); v.backward(x.detach(),inputs=[v]) => v.grad
c=leaf(1).detach(); v=c.view(1); c.sub_(leaf(1)) => v.requires_grad_(True).is_leaf, v.detach().numpy().tolist(), v.output_nr
c=leaf(1).detach(); v=c.view(1); c.sub_(leaf(1)) => v.numpy()
t=squared().apply(leaf(1)); t.backward(retain_graph=True); t.backward() => t.backward()
""",
    "operands that overlap": """
x=torch.ones(3,3); x.add_(x.T) => None
x=torch.ones(3,3); x.add_(x.view(9).view(3,3)); x.copy_(x); x.copy_(x[:]); x.mul_(x) => None
a=torch.ones(3,3); b=torch.ones(3,3); torch.add(a,b,out=b.T) => None
a=torch.ones(3,3); b=torch.ones(3,3); torch.add(a,b,out=b); torch.add(b,1,out=b) => None
c=torch.ones(3); c.scatter_(0,torch.tensor([0]),c) => None
c=torch.ones(3); c.index_copy_(0,torch.tensor([0,1,2]),c) => None
c=torch.ones(3); c.index_add_(0,torch.tensor([0,1,2]),c) => None
c=torch.ones(3); c.index_add_(0,torch.tensor([0,1,2]),c.clone()); c.scatter_add_(0,torch.tensor([0]),c) => None
c=torch.ones(3); c[1:].add_(c[:-1]) => None
c=torch.ones(3); c[1:].copy_(c[:-1]) => None
c=torch.ones(3); c[1:]=c[:-1] => None
c=torch.ones(3); c[torch.tensor([0,1,2])]=c => None
c=torch.ones(4); c[::2].add_(c[1::2]); c[:2].add_(c[2:]) => None
c=torch.ones(4); c[::2].add_(c[:2]) => None
c=torch.ones(4); c.addcmul_(c,c) => None
c=torch.ones(4); c.addcmul_(c[:1],c) => None
c=torch.ones(4); c.add_(c[:1]) => None
c=torch.ones(4); c.add_(c[0]) => None
c=torch.ones(4); c.lerp_(c.flip(0),c[:1]) => None
c=torch.ones(4); c.where(c>0,c[0]); torch.where(c>0,c,c[0],out=c) => None
c=torch.ones(2,2); torch.mm(c,c,out=c) => None
c=torch.ones(2,2); torch.sum(c,0,out=c[0]) => None
c=torch.ones(2,2); c.masked_fill_(c>0,c[0,0]) => None
c=torch.ones(2,2); c.clamp_(max=c.T) => None
c=torch.ones(2,2); c.copy_(c.T) => None
c=torch.ones(2,2); c.T.copy_(c) => None
c=torch.ones(2,2).requires_grad_()*1; c.mul_(c.T) => None
c=torch.ones(2,2).requires_grad_()*1; c[0].mul_(c[1]); c[0].add_(c[0]) => None
c=torch.zeros(4).bool(); c.logical_or_(c[:1]) => None
c=torch.zeros(4); c.view(torch.int32).add_(1); c.pow_(c.view(1,4)[0]); c.view(2,2).add_(c.view(2,2)) => None
c=torch.ones(1,1); c.add_(c.T) => None
c=torch.ones(4); c.floor_divide_(c[:2].sum()); c.sub_(c[:1].expand(4)); c.bernoulli_(c) => None
c=torch.ones(4); c.eq_(c[:1]) => None
c=torch.ones(4); c.index_fill_(0,torch.tensor([0]),c[0]) => None
c=torch.ones(4); c.masked_scatter_(c>0,c) => None
c=torch.ones(4); c.cumsum_(0); torch.cumsum(c,0,out=c); torch.flip(c,(0,)); torch.sigmoid(c[1:],out=c[:3]) => None
""",
}
PROGRAMS = [(section, line) for section, lines in SECTIONS.items() for line in lines.strip().splitlines()]
