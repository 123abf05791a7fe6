/* SPDX-License-Identifier: MIT
 *
 * scale.c - see scale.h. No state.
 */
#include "scale.h"

#include <math.h>
#include <stddef.h>

/* The part of a logarithmic axis that belongs to 0. */
#define ZERO_SHARE 0.1

static double clamp(double v, double low, double high)
{
	return v < low ? low : v > high ? high : v;
}

/* The smallest of 1, 2, 5, 10, ... that is not below @v. */
static double round_up(double v)
{
	static const double steps[] = {1, 2, 5, 10};
	double decade = pow(10, floor(log10(v)));
	for (int i = 0; i < 4; i++)
		if (steps[i] * decade >= v * (1 - 1e-9))
			return steps[i] * decade;
	return 10 * decade;
}

static double round_down(double v)
{
	static const double steps[] = {5, 2, 1};
	double decade = pow(10, floor(log10(v) + 1e-9));
	for (int i = 0; i < 3; i++)
		if (steps[i] * decade <= v * (1 + 1e-9))
			return steps[i] * decade;
	return decade;
}

void scale_linear(struct scale *s, double min, double max, double unit)
{
	*s = (struct scale){
		.unit = unit > 0 && isfinite(unit) ? unit : 1, .from = s->from, .to = s->to};
	if (!isfinite(min) || !isfinite(max) || min > max)
		min = 0, max = s->unit;
	if (min > 0)
		min = 0;
	if (max < 0)
		max = 0;
	if (min == max)
		max = min + s->unit;
	double step = round_up((max - min) / 5 / s->unit) * s->unit;
	s->low = floor(min / step + 1e-9) * step;
	s->high = ceil(max / step - 1e-9) * step;
}

void scale_log(struct scale *s, double min, double max)
{
	*s = (struct scale){.unit = 1, .log = true, .from = s->from, .to = s->to};
	s->zero = min == 0 && max > 0;
	if (!isfinite(max) || !(max > 0))
		max = 10;
	if (!isfinite(min) || !(min > 0) || min > max)
		min = max / 10;
	s->low = round_down(min);
	s->high = round_up(max);
	if (s->low == s->high)
		s->high *= 2;
}

void scale_binary(struct scale *s, double min, double max)
{
	scale_log(s, min, max);
	s->binary = true;
	if (!isfinite(max) || !(max > 0))
		max = 16;
	if (!isfinite(min) || !(min > 0) || min > max)
		min = max / 16;
	s->low = exp2(floor(log2(min) + 1e-9));
	s->high = exp2(ceil(log2(max) - 1e-9));
	if (s->low == s->high)
		s->high *= 2;
}

double scale_at(const struct scale *s, double v)
{
	double share;
	if (isnan(v))
		v = s->low;
	if (!s->log)
		share = (clamp(v, s->low, s->high) - s->low) / (s->high - s->low);
	else if (s->zero && v <= 0)
		share = 0;
	else
		share = log(clamp(v, s->low, s->high) / s->low) / log(s->high / s->low);
	if (s->zero && v > 0)
		share = ZERO_SHARE + share * (1 - ZERO_SHARE);
	return s->from + share * (s->to - s->from);
}

/* For a short piece of a logarithmic axis, too. */
static int linear_ticks(const struct scale *s, int max, double *ret)
{
	double step = round_up((s->high - s->low) / (max - 1) / s->unit) * s->unit;
	int n = 0;
	for (double i = ceil(s->low / step - 1e-9); i * step <= s->high * (1 + 1e-9) && n < max;
	     i++)
		ret[n++] = i * step + 0.; /* no -0 */
	return n;
}

static int binary_ticks(const struct scale *s, int max, double *ret)
{
	int low = (int)round(log2(s->low)), high = (int)round(log2(s->high)), step = 1, n = 0;
	while ((high - low) / step + 1 > max)
		step++;
	for (int i = low; i <= high && n < max; i += step)
		ret[n++] = exp2(i);
	return n;
}

/* How dense the ticks of a decade may be: the first that has few enough. */
static const struct grid {
	int every; /* decades */
	int n;
	double at[5];
} grids[] = {
	{1, 5, {1, 2, 3, 5, 7}},
	{1, 3, {1, 2, 5}},
	{1, 2, {1, 3}},
	{1, 1, {1}},
	{2, 1, {1}},
	{3, 1, {1}},
	{6, 1, {1}},
	{12, 1, {1}},
};

static int grid_ticks(const struct scale *s, const struct grid *g, int max, double *ret)
{
	int n = 0, first = (int)floor(log10(s->low) + 1e-9), last = (int)ceil(log10(s->high));
	for (int e = (int)floor((double)first / g->every) * g->every; e <= last; e += g->every)
		for (int i = 0; i < g->n; i++) {
			double v = g->at[i] * pow(10, e);
			if (v < s->low * (1 - 1e-9) || v > s->high * (1 + 1e-9))
				continue;
			if (n == max)
				return max + 1;
			ret[n++] = v;
		}
	return n;
}

int scale_ticks(const struct scale *s, int max, double ret[TICKS_MAX])
{
	int n = 0;
	if (max > TICKS_MAX)
		max = TICKS_MAX;
	if (max < 2)
		return 0;
	if (!s->log)
		return linear_ticks(s, max, ret);
	if (!s->zero && !s->binary && s->high < 2.5 * s->low)
		return linear_ticks(s, max, ret);
	int room = max - s->zero;
	double *at = ret + s->zero;
	if (s->zero)
		ret[0] = 0;
	if (s->binary)
		return s->zero + binary_ticks(s, room, at);
	for (size_t i = 0; i < sizeof(grids) / sizeof(grids[0]); i++) {
		n = grid_ticks(s, &grids[i], room, at);
		if (n <= room)
			break;
	}
	return s->zero + (n <= room ? n : 0);
}
