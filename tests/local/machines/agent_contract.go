// Run the documents of agent_contract.json through the engine of a checkout of amazon-ssm-agent, and write its results.
// docs/local-cloud.md says how. Rules that reboot the machine are left out: the engine alone has none.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/aws/amazon-ssm-agent/agent/context"
	"github.com/aws/amazon-ssm-agent/agent/contracts"
	"github.com/aws/amazon-ssm-agent/agent/framework/docparser"
	"github.com/aws/amazon-ssm-agent/agent/framework/runpluginutil"
	contextmocks "github.com/aws/amazon-ssm-agent/agent/mocks/context"
	"github.com/aws/amazon-ssm-agent/agent/plugins/pluginutil"
	"github.com/aws/amazon-ssm-agent/agent/plugins/runscript"
	"github.com/aws/amazon-ssm-agent/agent/task"
)

type shellFactory struct{}

func (shellFactory) Create(ctx context.T) (runpluginutil.T, error) {
	return runscript.NewRunShellPlugin(ctx)
}

type contractCase struct {
	Name          string               `json:"name"`
	RunsOn        string               `json:"runs_on"`
	Document      json.RawMessage      `json:"document"`
	Parameters    map[string][]*string `json:"parameters"`
	CancelSeconds float64              `json:"cancel_after_seconds"`
}

func run(one contractCase, folder string) map[string]interface{} {
	ctx := contextmocks.NewMockDefault()
	var content docparser.DocContent
	if err := json.Unmarshal(one.Document, &content); err != nil {
		panic(err)
	}
	parameters := docparser.ParseParameters(ctx.Log(), one.Parameters, content.Parameters)
	info := contracts.DocumentInfo{DocumentID: "11111111-2222-3333-4444-555555555555", MessageID: "aws.ssm.11111111-2222-3333-4444-555555555555.i-1"}
	parser := docparser.DocumentParserInfo{OrchestrationDir: folder, MessageId: info.MessageID, DocumentId: info.DocumentID}
	state, err := docparser.InitializeDocState(ctx, contracts.SendCommand, &content, info, parser, parameters)
	if err != nil {
		return map[string]interface{}{"error": err.Error()}
	}
	plugins := state.InstancePluginsInformation
	results := make(chan contracts.PluginResult, len(plugins)+1)
	cancel := task.NewChanneledCancelFlag()
	if one.CancelSeconds > 0 {
		time.AfterFunc(time.Duration(one.CancelSeconds*float64(time.Second)), func() { cancel.Set(task.Canceled) })
	}
	registry := runpluginutil.PluginRegistry{"aws:runShellScript": shellFactory{}}
	runpluginutil.RunPlugins(ctx, plugins, state.IOConfig, "", registry, results, cancel)
	close(results)
	sent := map[string]*contracts.PluginResult{}
	for result := range results {
		each := result
		sent[each.PluginID] = &each
	}
	status, _, _, runtime := contracts.DocumentResultAggregator(ctx.Log(), "", sent)
	steps := []map[string]interface{}{}
	for _, plugin := range plugins {
		step, reported := runtime[plugin.Id]
		if !reported {
			continue
		}
		steps = append(steps, map[string]interface{}{"name": plugin.Id, "status": step.Status, "code": step.Code,
			"stdout": step.StandardOutput, "stderr": step.StandardError, "output": step.Output})
	}
	return map[string]interface{}{"status": status, "steps": steps}
}

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	var contract struct {
		TimeLimits struct {
			Values []struct {
				Value interface{} `json:"value"`
			} `json:"values"`
		} `json:"time_limits"`
		Cases []contractCase `json:"cases"`
	}
	if err := json.Unmarshal(text, &contract); err != nil {
		panic(err)
	}
	found := map[string]interface{}{}
	for number, one := range contract.Cases {
		if one.RunsOn == "rebooting machine" {
			continue
		}
		folder, _ := os.MkdirTemp("", "contract")
		found[one.Name] = run(one, filepath.Join(folder, fmt.Sprint(number)))
	}
	limits := []int{}
	for _, each := range contract.TimeLimits.Values {
		limits = append(limits, pluginutil.ValidateExecutionTimeout(contextmocks.NewMockDefault().Log(), each.Value))
	}
	found["time_limits"] = limits
	written, _ := json.MarshalIndent(found, "", " ")
	if err := os.WriteFile(os.Args[2], written, 0o600); err != nil {
		panic(err)
	}
}
