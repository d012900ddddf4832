/** Opens the laboratory of this checkout: settings read (and made, the first time), paths found, nothing started. */
import { resolveLayout, type Layout } from './layout.ts'
import { createNativeLab, type NativeLab } from './native-lab.ts'
import { loadSettings, type Settings } from './settings.ts'

export interface OpenedLab {
  readonly lab: NativeLab
  readonly settings: Settings
  readonly layout: Layout
}

/** LAB_ENV_FILE and LAB_DIR in `environment` point at another settings file and another state folder. */
export async function openLab(
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<OpenedLab> {
  const layout = resolveLayout(environment)
  const settings = await loadSettings({ file: layout.envFile, exampleFile: layout.exampleEnvFile })
  return { lab: createNativeLab({ layout, settings }), settings, layout }
}
