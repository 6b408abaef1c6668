// expect: allowed
interface Point { x: number; y?: number }
enum Colour { Red, Green }
const points: Point[] = [{ x: 1 }, { x: 2, y: 3 }]
function total<T extends Point>(all: readonly T[]): number {
  return all.reduce((sum: number, point) => sum + point.x + (point.y ?? 0), 0)
}
console.log(total<Point>(points) as number, Colour.Green, await Promise.resolve(points[0]!.x))
